"""From Akeso's errors to gRPC statuses, with the details that senders act on.

https://opentelemetry.io/docs/specs/otlp/#failures, https://google.aip.dev/193
"""

from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from akeso.domain import errors as e

DETAILS = "grpc-status-details-bin"
UNAVAILABLE_FOR = timedelta(seconds=2)

_CODES: tuple[tuple[type[e.AkesoError], grpc.StatusCode], ...] = (
    (e.InvalidSettings, grpc.StatusCode.INTERNAL),  # a file of this installation is wrong, not what the caller sent
    (e.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (e.Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (e.Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (e.Unavailable, grpc.StatusCode.UNAVAILABLE),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call failed. detail: a message of google.rpc, None when the code and the text say it all."""

    code: grpc.StatusCode
    message: str
    detail: Message | None = None

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The google.rpc.Status that carries the detail, as trailing metadata."""
        if self.detail is None:
            return ()
        packed = AnyMessage()
        packed.Pack(self.detail)
        number: int = self.code.value[0]
        return ((DETAILS, Status(code=number, message=self.message, details=[packed]).SerializeToString()),)


def refusal_of(error: e.AkesoError) -> Refusal:
    """The status of an error. Senders try again exactly where there is a RetryInfo."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    return Refusal(code, str(error), _detail(error))


def _detail(error: e.AkesoError) -> Message | None:
    match error:
        case e.InvalidSettings():
            return None
        case e.InvalidInput(field=field, reason=reason):
            return _violation(field, reason)
        case e.Overloaded(retry_after=after):
            return _retry(after)
        case e.Unavailable():
            return _retry(UNAVAILABLE_FOR)
    return None


def _violation(field: str, reason: str) -> Message:
    detail: Message = BadRequest(field_violations=[BadRequest.FieldViolation(field=field, description=reason)])
    return detail


def _retry(after: timedelta) -> Message:
    delay = Duration()
    delay.FromTimedelta(after)
    detail: Message = RetryInfo(retry_delay=delay)
    return detail
