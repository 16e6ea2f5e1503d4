"""The command line's API client: the one place of the server's package, beside egress, that opens connections.

It talks to VectorFlow's own public API, at an address that the person at the command line gave.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec


class ApiRefused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        title = problem.get("title", "The request was refused")
        super().__init__(f"{title} ({status}). {problem.get('detail', '')}".strip())


class ApiUnreachable(Exception):
    """The server cannot be reached."""


class ApiClient:
    """A signed-in session with one VectorFlow server."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        self._http = httpx2.Client(base_url=f"{url}/api/v1", timeout=timeout_seconds)
        self._csrf = ""

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> bool:
        """Tell whether the server answers that it is ready."""
        try:
            return self._http.get(self._http.base_url.copy_with(path="/api/health/ready")).is_success
        except httpx2.TransportError:
            return False

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        """Open a session; raises `ApiRefused` for a wrong password."""
        session = self.request("POST", "/session", json={"email": email, "password": password})
        self._csrf = session["csrf_token"]
        return dict(session)

    def cookies(self) -> dict[str, str]:
        """Return the session's cookies, to be resumed later."""
        return {cookie.name: cookie.value or "" for cookie in self._http.cookies.jar}

    def resume(self, cookies: dict[str, str], csrf_token: str) -> None:
        """Go on with a session that was opened before."""
        self._http.cookies.update(cookies)
        self._csrf = csrf_token

    def stream(self, path: str) -> Iterator[tuple[str, Any]]:
        """Yield the kinds and data of server-sent events until the server ends them.

        Raises `ApiRefused`, `ApiUnreachable`.
        """
        timeout = httpx2.Timeout(30.0, read=60.0)
        try:
            with self._http.stream("GET", path, timeout=timeout) as response:
                if response.is_error:
                    response.read()
                    raise _refused(response)
                for event in httpx2.EventSource(response):
                    yield event.event, msgspec.json.decode(event.data)
        except httpx2.TransportError as error:
            raise ApiUnreachable(str(error)) from error

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        etag: str | None = None,
    ) -> Any:
        """Send a request and return the decoded answer, or None for an empty one.

        Raises `ApiRefused`, `ApiUnreachable`.
        """
        headers = {"X-CSRF-Token": self._csrf} if self._csrf else {}
        if etag is not None:
            headers["If-Match"] = etag
        try:
            response = self._http.request(method, path, json=json, params=params, headers=headers)
        except httpx2.TransportError as error:
            raise ApiUnreachable(str(error)) from error
        if response.is_error:
            raise _refused(response)
        return response.json() if response.content else None


def _refused(response: httpx2.Response) -> ApiRefused:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    return ApiRefused(response.status_code, problem if isinstance(problem, dict) else {})
