"""AWS without its client: botocore signs, egress sends. Identities are given in settings, never found around.

Nothing here reads the environment, instance metadata or a home folder, so a call made for an organisation can
not be signed by whatever identity the machine happens to have.
"""

import asyncio
import configparser
import logging
import re
import secrets
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.http_message import HttpAnswer, HttpRequest

_SESSION_SECONDS = 900
_RENEWED_AFTER = 600.0  # by the monotonic clock: a wall clock that jumps neither ends nor prolongs a session
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
# The library tells its debug log all that it signs, with the tokens of sessions.
logging.getLogger("botocore").setLevel(logging.WARNING)
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


class AwsFailed(VectorFlowError, status=502, code="platform.aws-failed"):
    """AWS refused the call, or could not be asked."""

    def __init__(self, aws_code: str, status_code: int, detail: str | None = None) -> None:
        super().__init__(detail or f"AWS answered {aws_code}.")
        self.aws_code = aws_code
        self.status_code = status_code


class AwsIdentityMissing(VectorFlowError, status=500, code="platform.aws-identity-missing"):
    """The platform has no AWS identity: set VECTORFLOW_AWS_CREDENTIALS_FILE, or a role and a web identity token."""


class AwsCredentials(msgspec.Struct, frozen=True):
    """What signs calls; `token` belongs to those of a session."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return "AwsCredentials(…)"


class AwsIdentity(Protocol):
    """Somebody whom AWS knows."""

    async def credentials(self) -> AwsCredentials:
        """Return credentials that are valid now. Raises `AwsFailed`, `AwsIdentityMissing` or egress errors."""
        ...


class NoIdentity:
    """Nobody: every call fails before it is made."""

    async def credentials(self) -> AwsCredentials:
        """Raise `AwsIdentityMissing`."""
        raise AwsIdentityMissing


class FileIdentity:
    """An access key in a file of AWS's shared form, section `default`; read at each use, so it may be replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def credentials(self) -> AwsCredentials:
        """Return what the file holds. Raises `AwsIdentityMissing`."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> AwsCredentials:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(self._path.read_text())
            section = parser["default"]
            return AwsCredentials(
                section["aws_access_key_id"],
                section["aws_secret_access_key"],
                section.get("aws_session_token"),
            )
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
            raise AwsIdentityMissing(
                "The file with the AWS access key cannot be read, or lacks a section [default] with "
                "aws_access_key_id and aws_secret_access_key."
            ) from None


class _Session:
    """Credentials that end, asked for again before they do, once for all who wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._held: AwsCredentials | None = None
        self._renewed = 0.0

    async def credentials(self) -> AwsCredentials:
        """Return what is held, or new credentials when it is about to end."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._held is None or now >= self._renewed + _RENEWED_AFTER:
                self._held, self._renewed = await self._ask(), now
            return self._held

    async def _ask(self) -> AwsCredentials:
        raise NotImplementedError


class WebIdentity(_Session):
    """A role taken on with the web identity token that the cluster writes into a file."""

    def __init__(self, client: HttpClient, endpoint: str, role_arn: str, token_file: Path) -> None:
        super().__init__()
        self._client, self._endpoint = client, endpoint
        self._role_arn, self._token_file = role_arn, token_file

    async def _ask(self) -> AwsCredentials:
        try:
            token = (await asyncio.to_thread(self._token_file.read_text)).strip()
        except (OSError, UnicodeDecodeError):
            raise AwsIdentityMissing("The file with the web identity token cannot be read.") from None
        form = {"RoleArn": self._role_arn, "WebIdentityToken": token}
        request = _sts(self._endpoint, "AssumeRoleWithWebIdentity", form)
        return _session(await self._client.request(request))


class AssumedRole(_Session):
    """Somebody else's role, taken on by an identity of ours with the external id that was made for them."""

    def __init__(
        self,
        client: HttpClient,
        identity: AwsIdentity,
        *,
        endpoint: str,
        region: str,
        role_arn: str,
        external_id: str | None,
    ) -> None:
        super().__init__()
        self._client, self._identity = client, identity
        self._endpoint, self._region = endpoint, region
        self._role_arn, self._external_id = role_arn, external_id

    async def _ask(self) -> AwsCredentials:
        form = {"RoleArn": self._role_arn}
        if self._external_id is not None:
            form["ExternalId"] = self._external_id
        request = _sts(self._endpoint, "AssumeRole", form)
        credentials = await self._identity.credentials()
        return _session(await self._client.request(signed(request, credentials, "sts", self._region)))


def signed(request: HttpRequest, credentials: AwsCredentials, service: str, region: str) -> HttpRequest:
    """Return the request with its SigV4 signature over method, address, headers and body."""
    held = ReadOnlyCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    wire = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(held, service, region).add_auth(wire)
    headers = {name: str(value) for name, value in wire.headers.items() if name.lower() != "host"}
    return HttpRequest(url=request.url, method=request.method, headers=headers, body=request.body)


async def call_json(
    client: HttpClient,
    identity: AwsIdentity,
    *,
    endpoint: str,
    service: str,
    region: str,
    target: str,
    content: Mapping[str, Any],
) -> dict[str, Any]:
    """Make one call in AWS's JSON protocol and return its answer. Raises `AwsFailed` and egress errors."""
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
    request = HttpRequest(
        url=endpoint, method="POST", headers=headers, body=msgspec.json.encode(dict(content))
    )
    credentials = await identity.credentials()
    answer = await client.request(signed(request, credentials, service, region))
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        found = {}
    if answer.status != 200:
        raise AwsFailed(_code(str(found.get("__type", "")).rpartition("#")[2]), answer.status)
    return found


def region_of(arn: str) -> str:
    """Return the region that an ARN names, or an empty text."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""


def endpoint_of(service: str, region: str) -> str:
    """Return the public address of a service in a region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{suffix}/"


def _sts(endpoint: str, action: str, form: Mapping[str, str]) -> HttpRequest:
    fields = {
        "Action": action,
        "Version": "2011-06-15",
        "RoleSessionName": f"vectorflow-{secrets.token_hex(4)}",
        "DurationSeconds": str(_SESSION_SECONDS),
        **form,
    }
    body = urlencode(fields).encode()
    return HttpRequest(url=endpoint, method="POST", headers={"content-type": _FORM}, body=body)


def _session(answer: HttpAnswer) -> AwsCredentials:
    text = answer.body.decode(errors="replace")
    if answer.status != 200:
        raise AwsFailed(_code(_element(text, "Code")), answer.status)
    found = [_element(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    if not all(found):
        raise AwsFailed("an answer that cannot be read", answer.status)
    return AwsCredentials(*found)


def _element(xml: str, name: str) -> str:
    # Four flat elements of a known answer: a pattern needs no XML parser, and so none of its dangers.
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(found[1]).strip() if found else ""


def _code(text: str) -> str:
    # It comes from outside and goes into messages, so it is a plain word or nothing.
    return text if _CODE.fullmatch(text) else "an error without a name"
