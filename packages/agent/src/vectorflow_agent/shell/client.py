"""What the agent says to the gateway over HTTP; what it asks its engines is in `loopback`.

No redirect is followed, and answers are read up to a limit. A token never stands in a URL or a message.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2
import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.settings import Settings, SettingsInvalid
from vectorflow_agent.shell.pauses import varied
from vectorflow_wire import messages, renewal, taps
from vectorflow_wire.bundles import DesiredAnswer
from vectorflow_wire.found import FOUND_PATH, FoundVectors
from vectorflow_wire.logs import LOGS_PATH, LogsAnswer
from vectorflow_wire.releases import RELEASES_PATH
from vectorflow_wire.verify import BundleRefused, BundleTooLarge, BundleUnreadable

CALL_TIMEOUT: Final = 20.0
STREAM_SILENCE_SECONDS: Final = 60.0
_BUNDLE_LIMIT: Final = 16 * 1024 * 1024
_FILE_LIMIT: Final = 64 * 1024 * 1024
_LONGEST_PATIENCE: Final = 600.0
_PATIENCE_SHARE: Final = 0.5
_ANSWER_LIMIT: Final = 1024 * 1024
_UNREADABLE: Final = frozenset({400, 413, 422})

T = TypeVar("T")


class GatewayError(Exception):
    """The gateway could not be asked, or answered something else than hoped for.

    `status` is the HTTP status, 0 without an answer. `problem` is the problem's type. `retry_after` is how many
    seconds the gateway asks to wait, 0 when it does not say.
    """

    def __init__(self, message: str, *, status: int = 0, problem: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
        self.retry_after = retry_after

    def patience(self) -> float:
        """How many seconds to wait at the least: what the gateway asks for, and a share more that varies; 0 for nothing."""
        return varied(min(self.retry_after, _LONGEST_PATIENCE), less=0, more=_PATIENCE_SHARE)

    @property
    def unreadable(self) -> bool:
        """Whether the gateway itself says that what was sent cannot be read, so that sending it again is of no use.

        Whoever else answers, as a proxy that wants somebody to sign on, knows nothing of it.
        """
        return self.status in _UNREADABLE and self.problem.startswith(messages.PROBLEM_PREFIX)

    @property
    def unauthorized(self) -> bool:
        """Whether the token was not accepted."""
        return self.status == 401


class Answered(msgspec.Struct, frozen=True):
    """How the gateway answered a question about nothing: the status, the problem's type, the Date header."""

    status: int
    problem: str
    date: str


class DesiredUnusable(GatewayError):
    """What came as the desired state is none that could be verified. `refusal` tells why, for a report."""

    def __init__(self, refusal: BundleRefused, *, status: int, etag: str) -> None:
        super().__init__(str(refusal), status=status)
        self.refusal = refusal
        self.etag = etag


class Fetched(msgspec.Struct, frozen=True):
    """An answer of the desired state: the body as it came, and its ETag."""

    body: bytes
    etag: str


class Gateway:
    """Calls to the gateway. Every method raises GatewayError and nothing else of the network."""

    def __init__(self, url: str, *, ca_file: str = "", client_cert: str = "", client_key: str = "") -> None:
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(cafile=ca_file)
        if client_cert:
            context.load_cert_chain(client_cert, client_key)
        self._client = httpx2.AsyncClient(
            base_url=url,
            timeout=httpx2.Timeout(CALL_TIMEOUT, connect=10.0),
            limits=httpx2.Limits(keepalive_expiry=messages.KEEP_ALIVE_SECONDS),
            headers={"user-agent": f"vectorflow-agent/{__version__}"},
            verify=context,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def enroll(self, token: str, request: messages.EnrollRequest) -> messages.EnrollAnswer:
        """Enrol this machine with an enrolment token."""
        body = await self._call("POST", messages.ENROLL_PATH, token, content=msgspec.json.encode(request))
        return _decoded(body, messages.EnrollAnswer)

    async def desired(self, token: str, etag: str) -> Fetched | None:
        """The desired state, or None when it is still the one with this ETag. Also raises DesiredUnusable."""
        headers = {"if-none-match": etag} if etag else {}
        async with self._open("GET", messages.DESIRED_PATH, token, headers=headers) as response:
            if response.status_code == 304:
                await _read(response, 0)  # to its end, or the connection is not used again
                return None
            came = response.headers.get("etag", "")
            try:
                body = await _read(response, _BUNDLE_LIMIT)
            except GatewayError as error:
                raise DesiredUnusable(BundleTooLarge(str(error)), status=200, etag=came) from error
            try:
                _decoded(body, DesiredAnswer)
            except GatewayError as error:
                raise DesiredUnusable(BundleUnreadable(str(error)), status=200, etag=came) from error
            return Fetched(body, came)

    async def probe(self, token: str, *, seconds: float) -> Answered:
        """Ask for the desired state without taking it, whatever the answer is. Raises GatewayError."""
        headers = {"authorization": f"Bearer {token}"}
        try:
            async with self._client.stream(
                "GET", messages.DESIRED_PATH, headers=headers, timeout=seconds
            ) as response:
                problem = "" if response.is_success else (await _refusal(response)).problem
                return Answered(response.status_code, problem, response.headers.get("date", ""))
        except httpx2.TimeoutException as error:
            raise GatewayError("the connection stands, but no answer came in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise GatewayError(f"the gateway cannot be reached: {_words(error)}") from error

    async def file(self, token: str, sha256: str) -> bytes:
        """A file of the current bundle by its hash; the caller checks the hash."""
        async with self._open("GET", messages.FILES_PATH + sha256, token) as response:
            return await _read(response, _FILE_LIMIT)

    async def heartbeat(self, token: str, body: bytes) -> messages.HeartbeatAnswer:
        """Send an encoded `messages.HeartbeatRequest`."""
        answer = await self._call("POST", messages.HEARTBEAT_PATH, token, content=body)
        return _decoded(answer, messages.HeartbeatAnswer)

    async def reports(self, token: str, request: messages.ReportsRequest) -> messages.ReportsAnswer:
        """Send signed reports."""
        body = await self._call("POST", messages.REPORTS_PATH, token, content=msgspec.json.encode(request))
        return _decoded(body, messages.ReportsAnswer)

    async def logs(self, token: str, zipped: bytes) -> LogsAnswer:
        """Send an encoded and compressed `logs.LogBatch`."""
        headers = {"content-encoding": "gzip"}
        body = await self._call("POST", LOGS_PATH, token, headers=headers, content=zipped)
        return _decoded(body, LogsAnswer)

    async def rotate(self, token: str, request: renewal.RotateRequest) -> renewal.RotateAnswer:
        """Ask for a new node token."""
        body = await self._call("POST", renewal.ROTATE_PATH, token, content=msgspec.json.encode(request))
        return _decoded(body, renewal.RotateAnswer)

    async def challenge(self, token: str, node: str) -> renewal.ChallengeAnswer:
        """Ask with an enrolment token for a nonce to prove having been this node."""
        request = renewal.ChallengeRequest(node=node)
        body = await self._call("POST", renewal.CHALLENGE_PATH, token, content=msgspec.json.encode(request))
        return _decoded(body, renewal.ChallengeAnswer)

    async def release_index(self, token: str) -> bytes:
        """The signed index of releases as it came; the caller verifies it."""
        async with self._open("GET", RELEASES_PATH, token) as response:
            return await _read(response, _ANSWER_LIMIT)

    async def release_file(self, token: str, sha256: str, path: Path, size: int) -> None:
        """Get a release's file, going on after what is in `path` already. Raises OSError too.

        Never writes more than `size` bytes; the caller checks the digest.
        """
        have = await asyncio.to_thread(size_of, path)
        headers = {"range": f"bytes={have}-"} if have else {}
        async with self._open("GET", f"{RELEASES_PATH}/{sha256}", token, headers=headers) as response:
            have = have if response.status_code == 206 else 0
            with path.open("ab" if have else "wb") as file:
                async for chunk in response.aiter_bytes():
                    have += len(chunk)
                    if have > size:
                        raise GatewayError(f"the release is longer than the {size} bytes of the index")
                    await asyncio.to_thread(file.write, chunk)
        if have < size:
            raise GatewayError(f"the release ended after {have} of {size} bytes; it goes on from there")

    async def found(self, token: str, told: FoundVectors) -> None:
        """Tell of Vectors that run beside the agent."""
        await self._call("PUT", FOUND_PATH, token, content=msgspec.json.encode(told))

    async def machine(self, token: str, machine: messages.Machine) -> None:
        """Tell what the machine is now."""
        await self._call("PUT", messages.MACHINE_PATH, token, content=msgspec.json.encode(machine))

    async def schema(self, token: str, digest: str, zipped: bytes) -> None:
        """Send an encoded and compressed `messages.EngineSchema`."""
        headers = {"content-encoding": "gzip"}
        await self._call("PUT", messages.SCHEMAS_PATH + digest, token, headers=headers, content=zipped)

    async def tap_events(self, token: str, tap: str, zipped: bytes) -> taps.TapAnswer:
        """Send an encoded and compressed `taps.TapBatch`."""
        headers = {"content-encoding": "gzip"}
        body = await self._call("POST", taps.tap_events_path(tap), token, headers=headers, content=zipped)
        return _decoded(body, taps.TapAnswer)

    @asynccontextmanager
    async def stream(self, token: str) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """Open the stream of hints: pairs of event name and data. Ends after a minute of silence."""
        timeout = httpx2.Timeout(CALL_TIMEOUT, read=STREAM_SILENCE_SECONDS)
        headers = {"accept": "text/event-stream"}
        async with self._open(
            "GET", messages.STREAM_PATH, token, headers=headers, timeout=timeout
        ) as response:
            yield self._hints(response)

    async def _hints(self, response: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
        try:
            async for event in httpx2.EventSource(response, max_event_size=_ANSWER_LIMIT):
                yield event.event, event.data
        except httpx2.HTTPError as error:
            raise GatewayError(f"the stream ended: {_words(error)}") from error

    async def _call(self, method: str, path: str, token: str, **arguments: Any) -> bytes:
        async with self._open(method, path, token, **arguments) as response:
            return await _read(response, _ANSWER_LIMIT)

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, token: str, *, headers: dict[str, str] | None = None, **arguments: Any
    ) -> AsyncIterator[httpx2.Response]:
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json", **(headers or {})}
        try:
            async with self._client.stream(method, path, headers=sent, **arguments) as response:
                if response.status_code not in {200, 201, 202, 206, 304}:
                    raise await _refusal(response)
                yield response
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise GatewayError(f"the gateway cannot be reached: {_words(error)}") from error


def gateway_of(settings: Settings) -> Gateway:
    """The gateway that the settings name. Raises SettingsInvalid for certificates that cannot be used."""
    try:
        return Gateway(
            settings.url,
            ca_file=settings.ca_file,
            client_cert=settings.client_cert,
            client_key=settings.client_key,
        )
    except OSError as error:
        # ssl.SSLError is one too; its words name no secret.
        raise SettingsInvalid(
            f"VECTORFLOW_CA_FILE, VECTORFLOW_CLIENT_CERT or VECTORFLOW_CLIENT_KEY cannot be used: {error}"
        ) from error


def size_of(path: Path) -> int:
    """A file's size in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


async def _read(response: httpx2.Response, limit: int) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > limit:
            raise GatewayError(f"the answer is longer than {limit} bytes", status=response.status_code)
    return bytes(data)


async def _refusal(response: httpx2.Response) -> GatewayError:
    status = response.status_code
    try:
        problem = msgspec.json.decode(await _read(response, _ANSWER_LIMIT), type=messages.Problem)
    except (msgspec.MsgspecError, GatewayError, UnicodeDecodeError):
        problem = messages.Problem()
    detail = (problem.detail or problem.title)[:300]
    words = "".join(letter if letter.isprintable() else " " for letter in detail)
    return GatewayError(
        f"the gateway answered {status}{': ' + words if words else ''}",
        status=status,
        problem=problem.type,
        retry_after=_seconds(response.headers.get("retry-after", "")),
    )


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # The body may hold a token, so only its shape is told.
        raise GatewayError(f"the gateway's answer is not a {kind.__name__}", status=200) from error


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0.0


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
