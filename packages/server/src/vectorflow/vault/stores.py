"""Rules of outside stores: HashiCorp Vault and AWS Secrets Manager, asked by the server or by the node's engine."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.errors import DestinationInvalid
from vectorflow.platform.egress.policy import EgressPolicy, Kind
from vectorflow.vault.columns import store_cell
from vectorflow.vault.errors import StoreInUse, StoreInvalid, StoreNameTaken, StoreNotFound
from vectorflow.vault.names import in_words, name_errors
from vectorflow.vault.store import stores as store
from vectorflow.vault.store.stores import StoreRow
from vectorflow.vault.types import Outside

_SEGMENT = re.compile(r"[A-Za-z0-9_.\-]{1,100}(/[A-Za-z0-9_.\-]{1,100}){0,9}\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d\Z")
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@:\-]{1,500}\Z")
_NODE_KEY = re.compile(r"[A-Za-z0-9_.\-/]{1,200}\Z")


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A HashiCorp Vault with a KV engine of version 2. `ca_pem` are authorities to trust instead of the usual."""

    address: str
    mount: str = "secret"
    namespace: str = ""
    ca_pem: str = ""


class AwsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AWS Secrets Manager in a region; `endpoint` takes the place of Amazon's own.

    `secret_id` names the one secret whose keys the node's engine reads; the server needs none here.
    """

    region: str
    endpoint: str = ""
    secret_id: str = ""


class StoreCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the server identifies itself with: a token of Vault, or an access key of AWS."""

    token: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""

    def __repr__(self) -> str:
        """Leave everything out."""
        return "StoreCredentials(…)"


class NewStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store to be kept; exactly one of `vault` and `aws` is set."""

    name: str
    resolve: Literal["server", "node"]
    vault: VaultSettings | None = None
    aws: AwsSettings | None = None
    credentials: StoreCredentials | None = None


class Backend(msgspec.Struct, frozen=True):
    """A secret backend as Vector's configuration names it."""

    name: str
    type: str
    options: dict[str, str]


class StoreService:
    """Keeps stores. Their credentials are sealed, and only the signer opens them."""

    def __init__(self, keys: KeyService, policy: EgressPolicy) -> None:
        self._keys = keys
        self._policy = policy

    async def stores(self, txn: Transaction, environment_id: UUID) -> list[StoreRow]:
        """Return an environment's stores by name."""
        return await store.store_list(txn, environment_id)

    async def store(self, txn: Transaction, environment_id: UUID, store_id: UUID) -> StoreRow:
        """Return a store. Raises `StoreNotFound`."""
        found = await store.store_get(txn, environment_id, store_id)
        if found is None:
            raise StoreNotFound
        return found

    async def backends(self, txn: Transaction, environment_id: UUID) -> list[Backend]:
        """Return the stores that engines ask by themselves, as backends of Vector's."""
        return [_backend(row) for row in await store.store_list(txn, environment_id) if row.resolve == "node"]

    async def create(self, txn: Transaction, actor: Actor, environment_id: UUID, new: NewStore) -> StoreRow:
        """Keep a new store. Raises `StoreInvalid`, `StoreNameTaken` or `KeysUnavailable`."""
        problems = [*name_errors(new.name), *_errors(new, self._policy)]
        if problems:
            raise StoreInvalid(errors=problems)
        store_id = new_id()
        sealed = await self._sealed(txn, store_id, 1, new)
        row = msgspec.convert(
            {
                "id": store_id,
                "name": new.name,
                "kind": "aws" if new.aws else "vault",
                "resolve": new.resolve,
                "settings": msgspec.to_builtins(new.aws or new.vault),
                "version": 1,
                "last_error": "",
                "last_used_at": None,
                "created_at": "1970-01-01T00:00:00Z",
                "updated_at": "1970-01-01T00:00:00Z",
            },
            StoreRow,
        )
        if not await store.store_insert(txn, environment_id, row, sealed):
            raise StoreNameTaken
        made = await self.store(txn, environment_id, store_id)
        await txn.audit(
            _entry(AuditAction.SECRET_STORE_CREATED, actor, made, f"The store {new.name} was set up.")
        )
        return made

    async def update(
        self, txn: Transaction, actor: Actor, environment_id: UUID, row: StoreRow, new: NewStore
    ) -> StoreRow:
        """Change a store; its credentials are given anew, since a changed address must not get the old ones.

        Raises `StoreInvalid` or `StoreNotFound`.
        """
        problems = _errors(new, self._policy)
        if new.resolve != row.resolve or ("aws" if new.aws else "vault") != row.kind:
            problems.append(FieldError("resolve", "kind and way of a store stay; make another one"))
        if problems:
            raise StoreInvalid(errors=problems)
        sealed = await self._sealed(txn, row.id, row.version + 1, new)
        if not await store.store_update(txn, row, msgspec.to_builtins(new.aws or new.vault), sealed):
            raise StoreNotFound
        newer = await self.store(txn, environment_id, row.id)
        await txn.audit(
            _entry(AuditAction.SECRET_STORE_UPDATED, actor, newer, f"The store {row.name} was changed.")
        )
        return newer

    async def delete(self, txn: Transaction, actor: Actor, row: StoreRow) -> None:
        """Remove a store. Raises `StoreInUse`."""
        names = await store.store_secret_names(txn, row.id)
        if names:
            raise StoreInUse(f"{StoreInUse.title()} They are: {in_words(names)}.")
        await store.store_delete(txn, row.id)
        await txn.audit(
            _entry(AuditAction.SECRET_STORE_DELETED, actor, row, f"The store {row.name} was deleted.")
        )

    async def _sealed(self, txn: Transaction, store_id: UUID, version: int, new: NewStore) -> bytes | None:
        if new.credentials is None:
            return None
        return await self._keys.seal(txn, store_cell(store_id, version), msgspec.json.encode(new.credentials))


def _backend(row: StoreRow) -> Backend:
    settings = msgspec.convert(row.settings, AwsSettings)
    options = {"region": settings.region, "secret_id": settings.secret_id}
    if settings.endpoint:
        options["endpoint"] = settings.endpoint
    return Backend(f"store-{row.name}", "aws_secrets_manager", options)


def outside_reference(row: StoreRow, outside: Outside) -> list[FieldError]:
    """Return what is wrong with where a secret is said to lie."""
    if row.resolve == "node":
        if outside.path or not _NODE_KEY.fullmatch(outside.field):
            return [FieldError("field", "give the key in the store's secret_id; the path stays empty")]
        return []
    pattern = _SEGMENT if row.kind == "vault" else _SECRET_ID
    if not pattern.fullmatch(outside.path) or ".." in outside.path.split("/"):
        return [FieldError("path", "write where the secret lies, such as apps/collector")]
    if len(outside.field) > 200 or not outside.field.isprintable():
        return [FieldError("field", "use at most 200 printable characters")]
    if row.kind == "vault" and not outside.field:
        return [FieldError("field", "name the key in the secret's data")]
    return []


def _errors(new: NewStore, policy: EgressPolicy) -> list[FieldError]:
    if (new.vault is None) == (new.aws is None):
        return [FieldError("vault", "set exactly one of vault and aws")]
    problems = _vault_errors(new.vault, policy) if new.vault else _aws_errors(new.aws, new.resolve, policy)
    if new.resolve == "node":
        if new.vault is not None:
            message = (
                "Vector itself reads HashiCorp Vault only through its exec backend, which runs a program and which "
                "nodes refuse by their policy; let the server ask"
            )
            problems.append(FieldError("resolve", message))
        if new.credentials is not None:
            problems.append(FieldError("credentials", "the node uses its own; give none here"))
        return problems
    given = new.credentials or StoreCredentials()
    if new.vault and not (given.token and given.token.isprintable() and len(given.token) <= 4096):
        problems.append(
            FieldError("credentials.token", "give a token that may read the secrets, and nothing else")
        )
    if new.aws and not (given.access_key_id.isalnum() and given.secret_access_key.isprintable()):
        problems.append(
            FieldError("credentials.access_key_id", "give an access key that may read the secrets")
        )
    if new.aws and not given.secret_access_key:
        problems.append(FieldError("credentials.secret_access_key", "give the secret part of the access key"))
    return problems


def _vault_errors(settings: VaultSettings, policy: EgressPolicy) -> list[FieldError]:
    problems = _url_errors("vault.address", settings.address, policy)
    if not _SEGMENT.fullmatch(settings.mount):
        problems.append(FieldError("vault.mount", "write the path of the KV engine, such as secret"))
    if settings.namespace and not _SEGMENT.fullmatch(settings.namespace.rstrip("/")):
        problems.append(FieldError("vault.namespace", "write a namespace such as team/logs, or nothing"))
    if len(settings.ca_pem) > 65_536:
        problems.append(FieldError("vault.ca_pem", "use at most 65536 characters"))
    return problems


def _aws_errors(settings: AwsSettings | None, resolve: str, policy: EgressPolicy) -> list[FieldError]:
    if settings is None:
        return []
    problems = (
        []
        if _REGION.fullmatch(settings.region)
        else [FieldError("aws.region", "write a region such as eu-central-1")]
    )
    if settings.endpoint:
        problems += _url_errors("aws.endpoint", settings.endpoint, policy)
    if resolve == "node" and not _SECRET_ID.fullmatch(settings.secret_id):
        problems.append(FieldError("aws.secret_id", "name the secret whose keys the node reads"))
    return problems


def _url_errors(field: str, url: str, policy: EgressPolicy) -> list[FieldError]:
    message = "write scheme, host and port, such as https://vault.example.com:8200"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        destination = parse_destination(parts.hostname or "", parts.port or 80)
    except (ValueError, DestinationInvalid):
        return [FieldError(field, message)]
    extra = parts.query or parts.fragment or parts.username is not None or parts.path not in ("", "/")
    if not good or extra:
        return [FieldError(field, message)]
    if parts.scheme == "http" and not policy.may_name(Kind.HTTP, destination):
        message = (
            "use https: over http the credentials and the secrets could be read on the way. Only the operator can "
            "allow it for an inner host, by VECTORFLOW_EGRESS_ALLOW"
        )
        return [FieldError(field, message)]
    return []


def _entry(action: AuditAction, actor: Actor, row: StoreRow, summary: str) -> AuditEntry:
    settings: dict[str, Any] = {key: value for key, value in row.settings.items() if key != "ca_pem"}
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="secret_store",
        object_id=str(row.id),
        summary=summary,
        after={"name": row.name, "kind": row.kind, "asked_by": row.resolve, "where": settings},
    )
