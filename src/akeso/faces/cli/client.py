"""How the commands reach a running Akeso."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from akeso.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from akeso.faces.plain_text import plain

Url = Annotated[str, typer.Option("--url", envvar="AKESO_URL", help="Where Akeso listens.")]
Key = Annotated[str, typer.Option("--key", envvar="AKESO_API_KEY", help="API key; default: the admin key in --data.")]
Data = Annotated[Path, typer.Option("--data", envvar="AKESO_DATA", help="Akeso's data folder.")]

DEFAULT_URL = "http://127.0.0.1:8321"
DEFAULT_DATA = Path("akeso-data")


class Client:
    """Calls of the REST API that raise Akeso's own errors."""

    def __init__(self, url: str, key: str, data: Path, timeout_s: float = 10) -> None:
        beside = data / "admin.key"
        key = key or (beside.read_text().strip() if beside.exists() else "")
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=timeout_s, trust_env=False)

    def get(self, path: str, **query: str | int | float | list[str]) -> Any:
        return self._answer("GET", path, params=query)

    def text(self, path: str) -> str:
        """An answer that is no JSON document."""
        return str(self._asked("GET", path).text)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._answer("POST", path, json=body)

    def delete(self, path: str) -> Any:
        return self._answer("DELETE", path)

    def _answer(self, method: str, path: str, **more: Any) -> Any:
        return plain(self._asked(method, path, **more).json())

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **more)
        except httpx.HTTPError as bad:
            raise Unavailable(f"Akeso does not answer at {self._http.base_url}: {bad}") from bad
        if response.is_success:
            return response
        raise _error(response)


def _error(response: httpx.Response) -> Exception:
    try:
        body = plain(response.json())
    except ValueError:
        body = {}
    text = str(body.get("message") or body.get("detail") or plain(response.text[:200]))
    match response.status_code:
        case 401 | 403:
            return Forbidden(text)
        case 404:
            return NotFound(text)
        case 409:
            return Conflict(text)
        case 422 | 400:
            return InvalidInput(str(body.get("field", "request")), str(body.get("reason", text)))
    return Unavailable(f"HTTP {response.status_code}: {text}")
