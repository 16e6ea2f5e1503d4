"""A bucket that really refuses: S3's protocol with signatures checked and Object Lock in compliance mode kept.

moto lets anybody shorten a retention of compliance mode; this stand-in does not, unless `refusing` is switched off.
"""

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from packages.server.tests.platform.egress.servers import Received

ACCESS, SECRET, REGION, BUCKET = "AKIDSHIPPER", "shipper-secret-key", "eu-west-1", "logs"


@dataclass
class Version:
    """One version of an object; `until` is None for an object that is not held."""

    number: int
    body: bytes
    mode: str | None
    until: datetime | None


@dataclass
class LockedStore:
    """The bucket. `trouble` answers everything with that status; `mute` takes locks without keeping them."""

    refusing: bool = True
    locks: bool = True
    mute: bool = False
    trouble: int | None = None
    lose_answers: int = 0  # writes that are kept although their answer never comes
    objects: dict[str, list[Version]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> None:
        path, _, query = request.target.partition("?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if self.trouble == 0:  # slow: one byte now and then, and no end
            for _ in range(1000):
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        status, headers, body = self._answer(request, path, query, asked)
        if request.method == "PUT" and self.lose_answers > 0:
            self.lose_answers -= 1
            writer.transport.abort()
            return
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append(f"content-length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if request.method == "HEAD" else body))

    def _answer(self, request: Received, path: str, query: str, asked: dict[str, str]):
        if self.trouble is not None:
            return _refused(self.trouble, "SlowDown" if self.trouble == 503 else "AccessDenied")
        if not _signed(request, path, query):
            return _refused(403, "SignatureDoesNotMatch")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        if bucket != BUCKET:
            return _refused(404, "NoSuchBucket")
        if not key:
            return self._of_bucket(asked)
        return getattr(self, f"_{request.method.lower()}")(request, key, asked)

    def _of_bucket(self, asked: dict[str, str]):
        if "object-lock" in asked:
            if not self.locks:
                return _refused(404, "ObjectLockConfigurationNotFoundError")
            return 200, {}, b"<C><ObjectLockEnabled>Enabled</ObjectLockEnabled></C>"
        listed = [
            f"<Version><Key>{key}</Key><VersionId>{version.number}</VersionId></Version>"
            for key in sorted(self.objects)
            if key.startswith(asked.get("prefix", ""))
            for version in reversed(self.objects[key])
        ]
        return 200, {}, f"<L><IsTruncated>false</IsTruncated>{''.join(listed)}</L>".encode()

    def _put(self, request: Received, key: str, asked: dict[str, str]):
        if "retention" in asked:
            return self._retention(request, key, asked)
        if request.headers.get("if-none-match") == "*" and self.objects.get(key) and key not in self.hidden:
            return _refused(412, "PreconditionFailed")
        md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
        until = request.headers.get("x-amz-object-lock-retain-until-date")
        if until and request.headers.get("content-md5") != md5:
            return _refused(400, "BadDigest")
        held = None if self.mute or until is None else datetime.fromisoformat(until)
        mode = None if self.mute else request.headers.get("x-amz-object-lock-mode")
        versions = self.objects.setdefault(key, [])
        versions.append(Version(len(versions) + 1, request.body, mode, held))
        self.hidden.discard(key)
        return 200, {}, b""

    def _retention(self, request: Received, key: str, asked: dict[str, str]):
        version = self._version(key, asked)
        wanted = datetime.fromisoformat(request.body.decode())
        if self._held(version) and wanted < version.until:
            return _refused(403, "AccessDenied")
        version.until = wanted
        return 200, {}, b""

    def _delete(self, request: Received, key: str, asked: dict[str, str]):
        if "versionId" not in asked:
            self.hidden.add(key)  # a mark of deletion; the versions stay
            return 204, {}, b""
        version = self._version(key, asked)
        if self._held(version):
            return _refused(403, "AccessDenied")
        self.objects[key].remove(version)
        return 204, {}, b""

    def _get(self, request: Received, key: str, asked: dict[str, str]):
        if not self.objects.get(key) or (key in self.hidden and "versionId" not in asked):
            return _refused(404, "NoSuchKey")
        version = self._version(key, asked)
        headers = {}
        if version.mode:
            headers["x-amz-object-lock-mode"] = version.mode
            headers["x-amz-object-lock-retain-until-date"] = version.until.isoformat()
        return 200, headers, version.body

    _head = _get

    def _version(self, key: str, asked: dict[str, str]) -> Version:
        number = int(asked.get("versionId", self.objects[key][-1].number))
        return next(each for each in self.objects[key] if each.number == number)

    def _held(self, version: Version) -> bool:
        return bool(self.refusing and version.mode == "COMPLIANCE" and version.until > datetime.now(UTC))


def _refused(status: int, code: str):
    return status, {}, f"<Error><Code>{code}</Code></Error>".encode()


def _signed(request: Received, path: str, query: str) -> bool:
    """Check AWS's signature, version 4, from its description alone."""
    given = dict(
        part.strip().split("=", 1) for part in request.headers.get("authorization", "").partition(" ")[2].split(",")
        if "=" in part
    )  # fmt: skip
    moment = request.headers.get("x-amz-date", "")
    scope = f"{moment[:8]}/{REGION}/s3/aws4_request"
    names = given.get("SignedHeaders", "")
    if given.get("Credential") != f"{ACCESS}/{scope}" or not {"host", "x-amz-date"} <= set(names.split(";")):
        return False
    payload = hashlib.sha256(request.body).hexdigest()
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical = "\n".join(
        [
            request.method,
            path,
            "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs),
            *(f"{name}:{request.headers[name]}" for name in names.split(";")),
            "",
            names,
            payload,
        ]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/")[:-1], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    good = request.headers.get("x-amz-content-sha256") == payload
    return good and hmac.compare_digest(
        hmac.digest(key, text.encode(), "sha256").hex(), given.get("Signature", "")
    )
