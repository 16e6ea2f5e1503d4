"""Rules of secrets, and what documents and the signer are lent. Every function works in the caller's transaction."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.kernel.permissions import Permission
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.platform.egress.policy import EgressPolicy
from vectorflow.vault.certificates import CertificateService
from vectorflow.vault.columns import secret_cell
from vectorflow.vault.errors import (
    SecretInUse,
    SecretInvalid,
    SecretNameTaken,
    SecretNotFound,
    SecretUseDenied,
    StoreNotFound,
)
from vectorflow.vault.lending import Lending, OutsideValues
from vectorflow.vault.lookup_files import LookupFileService
from vectorflow.vault.names import description_errors, in_words, limits_errors, name_errors
from vectorflow.vault.places import SecretPlaces
from vectorflow.vault.store import secrets, stores, uses
from vectorflow.vault.stores import StoreService, outside_reference
from vectorflow.vault.types import (
    MOST_VALUE_BYTES,
    SECRET_TOPIC,
    LentValues,
    Outside,
    PipelineUses,
    Place,
    Secret,
    SecretListed,
    SecretSettings,
    SecretUse,
    Stale,
    State,
    VersionInfo,
)
from vectorflow.vault.variables import VariableService
from vectorflow_topology.surroundings import Reference, RefKind, Surroundings

_MOST_VERSIONS = 100


class VaultService:
    """Keeps secrets, tells where they are used and where they may go, and lends values to the signer."""

    def __init__(
        self,
        keys: KeyService,
        *,
        outside: OutsideValues | None = None,
        most_file_bytes: int = 50 * 2**20,
        policy: EgressPolicy | None = None,
    ) -> None:
        self._keys = keys
        self._lending = Lending(keys, outside)
        self.places = SecretPlaces()
        self.variables = VariableService(keys)
        self.certificates = CertificateService(keys)
        self.lookup_files = LookupFileService(most_file_bytes)
        self.stores = StoreService(keys, policy or EgressPolicy())

    async def secrets(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: str | None = None,
        limit: int = 50,
        text: str | None = None,
        state: State | None = None,
    ) -> list[SecretListed]:
        """Return secrets in the order of their names, with the pipelines that use each."""
        rows = await secrets.secret_list(
            txn, environment_id, after=after, limit=limit, text=text, state=state
        )
        used = await self.used_by(txn, environment_id, "secret", [row.name for row in rows])
        return [SecretListed(secret=row, used_by=used[row.name]) for row in rows]

    async def secret(self, txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret:
        """Return a secret, without its value. Raises `SecretNotFound`."""
        secret = await secrets.secret_get(txn, environment_id, secret_id)
        if secret is None:
            raise SecretNotFound
        return secret

    async def used_by(
        self, txn: Transaction, environment_id: UUID, kind: RefKind, names: Sequence[str]
    ) -> dict[str, list[SecretUse]]:
        """Return the pipelines that use things of one kind, by their names."""
        found: dict[str, list[SecretUse]] = {name: [] for name in names}
        if names:
            for use in await uses.use_list(txn, environment_id, kind, names):
                found[use.used].append(uses.use_of(use))
        return found

    async def versions(self, txn: Transaction, environment_id: UUID, secret_id: UUID) -> list[VersionInfo]:
        """Return when a secret's values were set and by whom, newest first. Raises `SecretNotFound`."""
        secret = await self.secret(txn, environment_id, secret_id)
        return await secrets.secret_version_list(txn, secret.id, _MOST_VERSIONS)

    async def create(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        name: str,
        value: str,
        *,
        settings: SecretSettings | None = None,
    ) -> Secret:
        """Keep a new secret. Raises `SecretInvalid`, `SecretNameTaken` or `KeysUnavailable`."""
        kept = settings or SecretSettings()
        self._check(name, kept)
        content = _content(value)
        secret = await self._inserted(txn, actor, environment_id, name, settings=kept, outside=None)
        await self._keep(txn, actor, secret, content)
        return secret

    async def create_outside(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        name: str,
        outside: Outside,
        *,
        settings: SecretSettings | None = None,
    ) -> Secret:
        """Name a secret that lies in an outside store. Raises `SecretInvalid`, `SecretNameTaken`, `StoreNotFound`."""
        kept = settings or SecretSettings()
        self._check(name, kept)
        store = await stores.store_get(txn, environment_id, outside.store_id)
        if store is None:
            raise StoreNotFound
        problems = outside_reference(store, outside)
        if problems:
            raise SecretInvalid(errors=problems)
        return await self._inserted(txn, actor, environment_id, name, settings=kept, outside=outside)

    async def for_change(self, txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret:
        """Return a secret and hold it, so that nobody else changes it meanwhile. Raises `SecretNotFound`."""
        secret = await secrets.secret_lock(txn, environment_id, secret_id)
        if secret is None:
            raise SecretNotFound
        return secret

    async def replace(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        secret: Secret,
        value: str,
        *,
        places: Iterable[Place] = (),
    ) -> Secret:
        """Give a secret that `for_change` returned a new value, which approves `places`.

        Raises `SecretInvalid`, `PlaceNotAsked` or `KeysUnavailable`.
        """
        if secret.store_id is not None:
            message = "this secret lies in an outside store; change it there"
            raise SecretInvalid(errors=[FieldError("value", message)])
        content = _content(value)
        newer = await secrets.secret_next_version(txn, secret.id)
        if newer is None:
            raise SecretNotFound
        await self._keep(txn, actor, newer, content)
        await self.places.approve_by_value(txn, actor, environment_id, secret.name, places)
        summary = f"Secret {secret.name} got a new value."
        await txn.audit(_entry(AuditAction.SECRET_UPDATED, actor, newer, summary))
        await txn.notify(SECRET_TOPIC, {"environment_id": environment_id, "secret_id": secret.id})
        return newer

    async def change_settings(
        self, txn: Transaction, actor: Actor, secret: Secret, settings: SecretSettings
    ) -> Secret:
        """Change what may be changed without the value. Raises `SecretInvalid`."""
        self._check(secret.name, settings)
        newer = await secrets.secret_settings_update(txn, secret.id, settings)
        if newer is None:
            raise SecretNotFound
        await txn.audit(
            AuditEntry(
                action=AuditAction.SECRET_SETTINGS_CHANGED,
                actor=actor,
                object_type="secret",
                object_id=str(secret.id),
                summary=f"The rules of secret {secret.name} were changed.",
                before=_rules(secret),
                after=_rules(newer),
            )
        )
        return newer

    async def delete(self, txn: Transaction, actor: Actor, environment_id: UUID, secret: Secret) -> None:
        """Remove a secret that `for_change` returned, with all its versions. Raises `SecretInUse`."""
        used = (await self.used_by(txn, environment_id, "secret", [secret.name]))[secret.name]
        if used:
            names = in_words([use.name for use in used])
            raise SecretInUse(f"{SecretInUse.title()} They are: {names}.")
        await secrets.secret_delete(txn, secret.id)
        await uses.place_delete_of(txn, environment_id, secret.name)
        await txn.audit(
            _entry(AuditAction.SECRET_DELETED, actor, secret, f"Secret {secret.name} was deleted.")
        )

    def require_use(self, actor: Actor, references: Iterable[Reference], sensitive: Iterable[str]) -> None:
        """Let nobody refer to secrets who may not use them. Raises `SecretUseDenied`, which names one.

        `sensitive` are the variables whose values are secret.
        """
        if actor.may(Permission.SECRET_USE):
            return
        hidden = set(sensitive)
        for each in references:
            is_hidden = each.kind == "variable" and each.name in hidden
            if each.kind == "secret" or each.private or is_hidden:
                what = "the private key of" if each.private else "the variable" if is_hidden else "the secret"
                message = (
                    f"Referring to {what} {each.name} needs the permission {Permission.SECRET_USE}. "
                    "Ask for it, or take the reference out."
                )
                raise SecretUseDenied(message)

    async def surroundings(
        self, txn: Transaction, environment_id: UUID, references: Iterable[Reference], *, hold: bool = False
    ) -> Surroundings:
        """Return what the environment lends a document that holds these references.

        With `hold` it stays as it is until the transaction ends: for what is written down of it.
        """
        return await self._lending.surroundings(txn, environment_id, references, hold=hold)

    async def secret_values(self, txn: Transaction, environment_id: UUID, names: Sequence[str]) -> LentValues:
        """Return the present values of those names that exist; for the database role signer alone.

        Names are as the compiler writes them. Raises `KeysUnavailable`, `SealBroken` or `StoreNotAsked`.
        """
        return await self._lending.values(txn, environment_id, names)

    async def missing(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str], *, hold: bool = False
    ) -> list[str]:
        """Return which names no secret has; with `hold` the others cannot be deleted until the transaction ends."""
        if not names:
            return []
        if hold:
            await secrets.secret_hold(txn, environment_id, names)
        present = set(await secrets.secret_names(txn, environment_id, names))
        return [name for name in names if name not in present]

    async def record_uses(
        self, txn: Transaction, environment_id: UUID, pipeline: PipelineUses, actor: Actor
    ) -> None:
        """Write down what a pipeline refers to; called whenever its draft or revisions change."""
        await uses.use_replace(txn, environment_id, pipeline)
        await self.places.record(txn, environment_id, pipeline, actor)

    async def stale(self, txn: Transaction, pipeline_ids: Sequence[UUID]) -> dict[UUID, list[Stale]]:
        """Return what changed after the latest revisions of pipelines were made of it."""
        found: dict[UUID, list[Stale]] = {}
        if pipeline_ids:
            for row in await uses.use_stale_list(txn, pipeline_ids):
                found.setdefault(row.pipeline_id, []).append(Stale(row.kind, row.name))
        return found

    def _check(self, name: str, settings: SecretSettings) -> None:
        problems = [
            *name_errors(name),
            *description_errors(settings.description),
            *limits_errors(settings.limits),
        ]
        if settings.rotate_days is not None and not 1 <= settings.rotate_days <= 3650:
            problems.append(FieldError("rotate_days", "use 1 to 3650 days"))
        if problems:
            raise SecretInvalid(errors=problems)

    async def _inserted(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        name: str,
        *,
        settings: SecretSettings,
        outside: Outside | None,
    ) -> Secret:
        secret = await secrets.secret_insert(
            txn, environment_id, name, settings=settings, outside=outside, secret_id=new_id()
        )
        if secret is None:
            raise SecretNameTaken
        await txn.audit(_entry(AuditAction.SECRET_CREATED, actor, secret, f"Secret {name} was made."))
        await txn.notify(SECRET_TOPIC, {"environment_id": environment_id, "secret_id": secret.id})
        return secret

    async def _keep(self, txn: Transaction, actor: Actor, secret: Secret, content: bytes) -> None:
        version_id = new_id()
        sealed = await self._keys.seal(txn, secret_cell(version_id, secret.version), content)
        await secrets.secret_version_insert(txn, secret, version_id, sealed, actor)


def _content(value: str) -> bytes:
    """Return the value's bytes; the engine reads secrets as text, so it must be text."""
    problem = None
    try:
        content = value.encode()
    except UnicodeEncodeError:
        content, problem = b"", "the value must be text"
    if not content and problem is None:
        problem = "the value must not be empty"
    elif len(content) > MOST_VALUE_BYTES:
        problem = f"the value must not be longer than {MOST_VALUE_BYTES} bytes"
    elif b"\0" in content:
        problem = "the value must not hold a NUL character"
    if problem is not None:
        raise SecretInvalid(errors=[FieldError("value", problem)])
    return content


def _rules(secret: Secret) -> dict[str, object]:
    return {
        "name": secret.name,
        "description": secret.description,
        "expires_at": secret.expires_at.isoformat() if secret.expires_at else None,
        "rotate_days": secret.rotate_days,
        "types": secret.allowed_types,
        "paths": secret.allowed_paths,
        "hosts": secret.allowed_hosts,
    }


def _entry(action: AuditAction, actor: Actor, secret: Secret, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="secret",
        object_id=str(secret.id),
        summary=summary,
        after={"name": secret.name, "version": secret.version},
    )
