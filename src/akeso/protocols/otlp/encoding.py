"""Which of OTLP's encodings a request is in."""

from akeso.domain.errors import InvalidInput
from akeso.ports.source import IngestRequest
from akeso.protocols.otlp.json_encoding import Json
from akeso.protocols.otlp.protobuf_encoding import Protobuf
from akeso.protocols.otlp.signals import Encoding

_ENCODINGS: dict[str, Encoding] = {encoding.content_type: encoding for encoding in (Protobuf(), Json())}


def encoding_of(request: IngestRequest) -> Encoding:
    """Raises InvalidInput when the content type is neither."""
    found = _ENCODINGS.get(request.content_type)
    if found is None:
        raise InvalidInput("content-type", f"has to be one of {', '.join(_ENCODINGS)}")
    return found


def encoding_or_json(request: IngestRequest) -> Encoding:
    """The encoding to refuse in: JSON when the request's own is unknown."""
    return _ENCODINGS.get(request.content_type) or Json()
