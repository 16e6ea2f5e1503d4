"""A bucket whose objects cannot be changed: written once, held by Object Lock in compliance mode.

Four calls of S3's protocol over egress, signed by `platform.aws`. Addresses are in path style, which every region
of AWS and every compatible store understands.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import quote, urlencode

import msgspec

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.aws import AwsIdentity, signed
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.http_message import HttpAnswer, HttpRequest

COMPLIANCE = "COMPLIANCE"
_TOLERANCE = timedelta(seconds=2)  # stores keep whole seconds
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,64})</Code>")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,32}")


class S3Failed(VectorFlowError, status=502, code="platform.s3-failed"):
    """The store did not do what it was asked."""


class S3Misconfigured(VectorFlowError, status=500, code="platform.s3-misconfigured"):
    """The bucket cannot be used; correct its settings and start again."""


class S3Unlocked(VectorFlowError, status=502, code="platform.s3-unlocked"):
    """The store took the object but does not hold it in compliance mode; do not rely on this store."""


class S3Place(msgspec.Struct, frozen=True):
    """A bucket: its store's address without a path, its region and name, and what all keys begin with."""

    endpoint: str
    region: str
    bucket: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.bucket) or not _REGION.fullmatch(self.region):
            raise S3Misconfigured("This is not the name of a bucket, or not a region.")

    def url(self, key: str | None = None, **query: str) -> str:
        """Return the address of the bucket, or of an object in it."""
        path = "" if key is None else "/" + quote(self.prefix + key, safe="/-_.~")
        asked = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return f"{self.endpoint.rstrip('/')}/{self.bucket}{path}{asked}"


class S3Bucket:
    """One bucket as one identity sees it. `client` must not follow redirects: they tell of a wrong region."""

    def __init__(self, client: HttpClient, identity: AwsIdentity, place: S3Place) -> None:
        self._client, self._identity, self._place = client, identity, place

    @property
    def name(self) -> str:
        """The bucket with the prefix of its keys."""
        return f"{self._place.bucket}/{self._place.prefix}"

    async def check(self) -> None:
        """Ask whether objects can be locked. Raises `S3Misconfigured` for a sure no, `S3Failed` for no answer."""
        answer = await self._call("GET", self._place.url(**{"object-lock": ""}))
        name = self._place.bucket
        if answer.status == 200 and b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>" in answer.body:
            return
        code = _code(answer)
        if answer.status == 200 or code == "ObjectLockConfigurationNotFoundError":
            raise S3Misconfigured(
                f"The bucket {name} has no Object Lock. Make a bucket with Object Lock and name that one."
            )
        if code == "NoSuchBucket":
            raise S3Misconfigured(f"There is no bucket {name} at this address.")
        raise self._failure(answer, "tell whether its objects can be locked")

    async def put_once(self, key: str, body: bytes, *, kind: str, until: datetime) -> bool:
        """Write an object that nobody can change or delete before `until`; return False where there is one.

        Raises `S3Unlocked` when the store took the object without holding it, and `S3Failed`.
        """
        headers = {
            "content-type": kind,
            "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
            "x-amz-object-lock-mode": COMPLIANCE,
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "if-none-match": "*",
        }
        answer = await self._call("PUT", self._place.url(key), headers, body)
        if answer.status == 412:
            return False
        if answer.status != 200:
            raise self._failure(answer, "keep an object")
        await self._held(key, until)
        return True

    async def get(self, key: str, version: str | None = None) -> bytes:
        """Return an object, or one version of it. Raises `S3Failed`."""
        query = {"versionId": version} if version else {}
        answer = await self._call("GET", self._place.url(key, **query))
        if answer.status != 200:
            raise self._failure(answer, "give an object back")
        return answer.body

    async def first_versions(self) -> list[tuple[str, str]]:
        """Return each key, without the prefix, with the version that was written first. Raises `S3Failed`.

        Whoever may write can put a newer version, or a mark of deletion, over an object. Neither changes the first.
        """
        first: dict[str, str] = {}
        marks: dict[str, str] = {}
        while True:
            query = {"prefix": self._place.prefix, "versions": "", **marks}
            answer = await self._call("GET", self._place.url(**dict(sorted(query.items()))))
            if answer.status != 200:
                raise self._failure(answer, "list its objects")
            text = answer.body.decode()
            for each in re.findall(r"<Version>(.*?)</Version>", text, flags=re.DOTALL):
                # The newest comes first, so what stays is the oldest.
                first[_element(each, "Key").removeprefix(self._place.prefix)] = _element(each, "VersionId")
            following = _element(text, "NextKeyMarker")
            if not following or _element(text, "IsTruncated") != "true":
                return sorted(first.items())
            marks = {"key-marker": following, "version-id-marker": _element(text, "NextVersionIdMarker")}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _held(self, key: str, until: datetime) -> None:
        answer = await self._call("HEAD", self._place.url(key))
        if answer.status != 200:
            raise self._failure(answer, "tell of an object")
        text = answer.headers.get("x-amz-object-lock-retain-until-date") or ""
        try:
            held = datetime.fromisoformat(text)
        except ValueError:
            raise S3Unlocked from None
        if answer.headers.get("x-amz-object-lock-mode") != COMPLIANCE or held < until - _TOLERANCE:
            raise S3Unlocked

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> HttpAnswer:
        request = HttpRequest(url=url, method=method, headers=headers or {}, body=body)
        credentials = await self._identity.credentials()
        return await self._client.request(signed(request, credentials, "s3", self._place.region))

    def _failure(self, answer: HttpAnswer, wish: str) -> VectorFlowError:
        region = answer.headers.get("x-amz-bucket-region") or ""
        if (
            answer.status in (301, 400)
            and region not in ("", self._place.region)
            and _REGION.fullmatch(region)
        ):
            return S3Misconfigured(
                f"The bucket {self._place.bucket} is in {region}, not in {self._place.region}; set its region."
            )
        return S3Failed(f"The store did not {wish}: {answer.status} {_code(answer)}.")


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(found[1]) if found else ""


def _code(answer: HttpAnswer) -> str:
    # It comes from outside and goes into messages, so it is a plain word or nothing.
    found = _CODE.search(answer.body.decode(errors="replace"))
    return found[1] if found else "without a code"
