"""The built web application, served from memory: files by name, its page for every other address."""

import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from vectorflow.platform.http.asgi import Receive, Scope, Send, answer
from vectorflow.platform.http.context import header, request_context
from vectorflow.platform.http.etag import etag

DIRECTORY = Path(__file__).resolve().parent.parent / "web"
_PAGE = "/index.html"
NONCE = b"__CSP_NONCE__"
# What the build names by its content may be kept for ever.
_HASHED = re.compile(r"^/assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_MISSING = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>VectorFlow</title>'
    b"<p>The web application has not been built. Run <code>make web</code>, then start the server again. "
    b'The API is here: <a href="/api/docs">/api/docs</a>.</p></html>'
)


class WebFile(msgspec.Struct, frozen=True):
    """One file of the build, with its Brotli form where the build made one."""

    content: bytes
    brotli: bytes | None
    content_type: str
    tag: str


def load_files(directory: Path) -> dict[str, WebFile]:
    """Read the build into memory, by address; empty where there is none."""
    files: dict[str, WebFile] = {}
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.suffix in (".br", ".gz", ".map"):
            continue
        content = path.read_bytes()
        packed = path.with_name(path.name + ".br")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind == "application/javascript":
            kind += "; charset=utf-8"
        brotli = packed.read_bytes() if packed.is_file() else None
        files["/" + path.relative_to(directory).as_posix()] = WebFile(
            content, brotli, kind, etag(content.hex())
        )
    return files


class WebApplication:
    """Answers everything outside `/api`."""

    def __init__(self, files: Mapping[str, WebFile]) -> None:
        self._files = files
        page = files.get(_PAGE)
        self._page = page.content if page else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a file, the page, or why there is neither."""
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            await answer(
                send, 405, "text/plain; charset=utf-8", b"Only GET is answered here.\n", (b"allow", b"GET")
            )
        elif path in self._files and path != _PAGE:
            await self._send_file(scope, send, self._files[path], path)
        elif path != _PAGE and (path.startswith("/assets/") or "." in path.rpartition("/")[2]):
            await answer(send, 404, "text/plain; charset=utf-8", b"There is no such file.\n")
        elif self._page is None:
            await answer(send, 503, "text/html; charset=utf-8", _MISSING)
        else:
            nonce = request_context(scope).nonce.encode()
            body = self._page.replace(NONCE, nonce)
            await answer(send, 200, "text/html; charset=utf-8", body, (b"cache-control", b"no-store"))

    @staticmethod
    async def _send_file(scope: Scope, send: Send, file: WebFile, path: str) -> None:
        keep = b"public, max-age=31536000, immutable" if _HASHED.match(path) else b"no-cache"
        headers = [(b"etag", file.tag.encode()), (b"cache-control", keep), (b"vary", b"accept-encoding")]
        if header(scope, b"if-none-match") == file.tag:
            await answer(send, 304, file.content_type, b"", *headers)
            return
        accepted = [
            part.partition(";")[0].strip() for part in (header(scope, b"accept-encoding") or "").split(",")
        ]
        if file.brotli is not None and "br" in accepted:
            headers.append((b"content-encoding", b"br"))
            await answer(send, 200, file.content_type, file.brotli, *headers)
            return
        await answer(send, 200, file.content_type, file.content, *headers)
