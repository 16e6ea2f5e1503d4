"""Routes of an organisation's encryption: its keys, their rotation, and a key of its own."""

import base64
import binascii
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.permissions import Permission
from vectorflow.keys.errors import OwnKeyInvalid
from vectorflow.keys.leases import MOST_ENCRYPTIONS
from vectorflow.keys.overview import EncryptionService, Overview
from vectorflow.keys.own_keys import NewOwnKey, OwnKeyService
from vectorflow.keys.own_providers import own_name
from vectorflow.keys.types import KeyState, OwnKey
from vectorflow.platform.database import Database
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant

_PATH = "/orgs/{org:str}/encryption"
Kind = Literal["aws-kms", "vault-transit"]


class DataKeyVersion(msgspec.Struct):
    """A version of the data key. `encryptions` is how often it may have been used, counted in blocks beforehand."""

    version: int
    state: Literal["in-use", "retiring", "destroyed"]
    wrapped_by: Literal["platform", "own-key", "nothing"]
    encryptions: int
    most_encryptions: int
    age_seconds: int


class OwnKeyState(msgspec.Struct):
    """A key that the organisation holds. `problem` is why it could not be used last, if so."""

    id: UUID
    kind: Kind
    place: str
    role_arn: str | None
    external_id: str
    state: Literal["named", "active", "ended"]
    created_at: Instant | None
    activated_at: Instant | None
    problem: str | None
    challenge: str
    """The nonce to encrypt, in base64; only what holds the key can."""


class RotationState(msgspec.Struct):
    """The rotation that was asked for last."""

    requested_at: Instant
    done_at: Instant | None
    resealed: int | None


class Encryption(msgspec.Struct):
    """How the organisation's secrets are encrypted."""

    organization_id: UUID
    plan: str
    provider: Literal["local-key-file", "aws-kms", "vault-transit", "own-key"]
    available: bool
    problem: str | None
    moving: bool
    keys: list[DataKeyVersion]
    own_keys: list[OwnKeyState]
    rotation: RotationState | None


class OwnKeyNew(msgspec.Struct, forbid_unknown_fields=True):
    """A key to bring: the ARN of an AWS key with a role, or a Vault key's address with a token."""

    kind: Kind
    place: Annotated[
        str,
        msgspec.Meta(
            max_length=512,
            description="ARN of the AWS KMS key, or `https://<host>/<mount>/<key>` of a derived Vault Transit key.",
        ),
    ]
    role_arn: Annotated[
        str | None, msgspec.Meta(description="AWS only: the role that we take on, with the external id.")
    ] = None
    token: Annotated[
        str | None,
        msgspec.Meta(description="Vault only: a token for this key alone. It is never shown again."),
    ] = None

    def __repr__(self) -> str:
        return f"OwnKeyNew({self.kind}, …)"  # a token must not get into a log by way of a repr


class OwnKeyProof(msgspec.Struct, forbid_unknown_fields=True):
    """The challenge, encrypted with the key: base64 as AWS gives it, or Vault's `vault:v1:…`."""

    ciphertext: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


@get(
    _PATH,
    operation_id="getEncryption",
    summary="How the organisation's secrets are encrypted",
    tags=["encryption"],
    permission=Permission.KEYS_READ,
)
async def get_encryption(
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    encryption: NamedDependency[EncryptionService],
) -> Encryption:
    """Tell versions, provider, use, and the organisation's own key."""
    del org
    return _answer(organization_id, await encryption.overview(organization_id))


@post(
    _PATH + "/rotations",
    operation_id="rotateDataKey",
    summary="Ask for a new data key; everything is sealed anew while the organisation works on",
    tags=["encryption"],
    permission=Permission.KEYS_MANAGE,
    status_code=202,
)
async def rotate_data_key(
    *,
    org: FromPath[str],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    encryption: NamedDependency[EncryptionService],
    idempotency: NamedDependency[Idempotency],
) -> Response[RotationState]:
    """Ask the signer for a rotation."""
    del org
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        request = await encryption.ask_for_rotation(txn, actor)
        answer = RotationState(rfc3339(request.requested_at), None, None)
        await idempotency.finish(txn, 202, answer)
    return Response(answer, status_code=202)


@post(
    _PATH + "/own-keys",
    operation_id="nameOwnKey",
    summary="Name a key of your own; it is used once you have proved that you control it",
    tags=["encryption"],
    permission=Permission.KEYS_MANAGE,
)
async def name_own_key(
    *,
    org: FromPath[str],
    data: JSONBody[OwnKeyNew],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    own_keys: NamedDependency[OwnKeyService],
    idempotency: NamedDependency[Idempotency],
) -> Response[OwnKeyState]:
    """Name a key."""
    del org
    new = NewOwnKey(kind=data.kind, place=data.place, role_arn=data.role_arn, token=data.token)
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        answer = _own_key(await own_keys.name(txn, actor, new), None)
        await idempotency.finish(txn, 201, answer)
    return Response(answer, status_code=201)


@post(
    _PATH + "/own-keys/{id:uuid}/proof",
    operation_id="proveOwnKey",
    summary="Prove that you control the key, and use it from now on",
    tags=["encryption"],
    permission=Permission.KEYS_MANAGE,
    status_code=204,
)
async def prove_own_key(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[OwnKeyProof],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    own_keys: NamedDependency[OwnKeyService],
) -> None:
    """Try the proof; sending it twice does nothing twice, since a key is proved once."""
    del org
    await own_keys.prove(organization_id, actor, id, _ciphertext(data.ciphertext))


@delete(
    _PATH + "/own-keys/{id:uuid}",
    operation_id="endOwnKey",
    summary="Stop using your own key: the platform's wraps the data keys again",
    tags=["encryption"],
    permission=Permission.KEYS_MANAGE,
)
async def end_own_key(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    own_keys: NamedDependency[OwnKeyService],
) -> None:
    """End a key; what it wrapped can be moved only while it still answers."""
    del org
    await own_keys.end(organization_id, actor, id)


def _ciphertext(text: str) -> bytes:
    text = "".join(text.split())
    if text.startswith("vault:"):
        return text.encode("ascii", errors="replace")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise OwnKeyInvalid(errors=[FieldError("ciphertext", "this is not base64")]) from None


def _answer(organization_id: UUID, found: Overview) -> Encryption:
    request = found.rotation
    return Encryption(
        organization_id=organization_id,
        plan=found.plan,
        provider=found.provider,
        available=found.problem is None,
        problem=found.problem,
        moving=found.moving,
        keys=[_version(key, found.own_names) for key in found.keys],
        own_keys=[_own_key(key, found.problems.get(own_name(key.id))) for key in found.own_keys],
        rotation=RotationState(
            rfc3339(request.requested_at),
            rfc3339(request.done_at) if request.done_at else None,
            request.resealed,
        )
        if request
        else None,
    )


def _version(key: KeyState, own_names: frozenset[str]) -> DataKeyVersion:
    return DataKeyVersion(
        version=key.version,
        state="destroyed" if key.destroyed_at else "retiring" if key.retired_at else "in-use",
        wrapped_by="nothing" if key.destroyed_at else "own-key" if key.provider in own_names else "platform",
        encryptions=key.encryptions,
        most_encryptions=MOST_ENCRYPTIONS,
        age_seconds=int(key.age.total_seconds()),
    )


def _own_key(key: OwnKey, problem: str | None) -> OwnKeyState:
    return OwnKeyState(
        id=key.id,
        kind=msgspec.convert(key.kind, Kind),
        place=key.place,
        role_arn=key.role_arn,
        external_id=key.external_id,
        state=msgspec.convert(key.state, Literal["named", "active", "ended"]),
        created_at=rfc3339(key.created_at) if key.created_at else None,
        activated_at=rfc3339(key.activated_at) if key.activated_at else None,
        problem=problem,
        challenge=base64.b64encode(key.nonce).decode(),
    )


routes = [get_encryption, rotate_data_key, name_own_key, prove_own_key, end_own_key]
