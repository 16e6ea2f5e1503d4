"""Makes the key providers that the settings name, each with the identity the settings give it and no other."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys.aws_kms import AWS_NAME, AwsKms
from vectorflow.keys.errors import ProviderRefused
from vectorflow.keys.guard import KeyMetrics
from vectorflow.keys.providers import LOCAL_NAME, LocalKeyFile
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.types import KeyProvider
from vectorflow.keys.vault_transit import VAULT_NAME, Token, VaultTransit
from vectorflow.platform import aws
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.settings import Settings

# One call; the guard repeats within its own limit.
CALL_LIMITS = EgressLimits(
    resolve_seconds=1.5,
    connect_seconds=1.5,
    total_seconds=3.0,
    max_request_bytes=2**16,
    max_response_bytes=2**18,
    redirects=0,
)
_CALLER = Caller("keys.provider")
_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]{1,32}:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]{1,250}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class KeyProviderInvalid(VectorFlowError, status=500, code="keys.provider-invalid"):
    """A key provider is not written as `local-key-file`, `aws-kms:<key ARN>` or `vault-transit:https://<host>/<mount>/<key>`."""


def build_ring(settings: Settings, egress: Egress, *, metrics: KeyMetrics | None = None) -> KeyRing:
    """Return the providers that the settings name. Raises `KeyProviderInvalid`."""
    present, *former = [_provider(settings, egress, each) for each in _named(settings)]
    return KeyRing(present, former, metrics=metrics)


def platform_identity(settings: Settings, egress: Egress, region: str) -> aws.AwsIdentity:
    """Return whom AWS knows the platform as: an access key file, a web identity, or nobody."""
    if settings.aws_credentials_file is not None:
        return aws.FileIdentity(settings.aws_credentials_file)
    if settings.aws_role_arn is not None and settings.aws_web_identity_token_file is not None:
        client = egress.http(_CALLER, limits=CALL_LIMITS)
        endpoint = settings.aws_sts_endpoint or aws.endpoint_of("sts", region)
        return aws.WebIdentity(client, endpoint, settings.aws_role_arn, settings.aws_web_identity_token_file)
    return aws.NoIdentity()


def checked_arn(text: str) -> str:
    """Return the ARN of a KMS key. Raises `KeyProviderInvalid`."""
    if not _ARN.fullmatch(text):
        raise KeyProviderInvalid("This is not the ARN of an AWS KMS key.")
    return text


def vault_place(text: str) -> tuple[str, str, str]:
    """Return address, mount and key of `https://<host>/<mount>/<key>`. Raises `KeyProviderInvalid`."""
    parts = urlsplit(text)
    path = [each for each in parts.path.split("/") if each]
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or len(path) < 2
        or not all(_NAME.fullmatch(each) for each in path)
    ):
        raise KeyProviderInvalid("A Vault key is written as https://<host>/<mount>/<key>.")
    return f"{parts.scheme}://{parts.netloc}", "/".join(path[:-1]), path[-1]


def token_from(path: Path | None) -> Token:
    """Return what reads Vault's token from its file at each use."""

    async def read() -> str:
        if path is None:
            raise ProviderRefused("There is no token for Vault: set VECTORFLOW_VAULT_TOKEN_FILE.")
        try:
            return (await asyncio.to_thread(path.read_text)).strip()
        except (OSError, UnicodeDecodeError):
            raise ProviderRefused("The file with Vault's token cannot be read.") from None

    return read


def _named(settings: Settings) -> list[str]:
    names = [settings.key_provider, *settings.former_key_providers]
    return list(dict.fromkeys(names))


def _provider(settings: Settings, egress: Egress, text: str) -> KeyProvider:
    kind, _, place = text.partition(":")
    if text == LOCAL_NAME:
        return LocalKeyFile(settings.state_dir)
    client = egress.http(_CALLER, limits=CALL_LIMITS)
    if kind == AWS_NAME:
        arn = checked_arn(place)
        identity = platform_identity(settings, egress, aws.region_of(arn))
        return AwsKms(client, identity, arn, endpoint=settings.aws_kms_endpoint)
    if kind == VAULT_NAME:
        address, mount, key = vault_place(place)
        token = token_from(settings.vault_token_file)
        return VaultTransit(client, address, mount, key, token, namespace=settings.vault_namespace)
    raise KeyProviderInvalid
