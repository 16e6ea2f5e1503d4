"""Rules of secrets. Every function works in the caller's transaction."""

import re
from collections.abc import Sequence
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell, Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.vault import store
from vectorflow.vault.errors import SecretInUse, SecretInvalid, SecretNameTaken, SecretNotFound
from vectorflow.vault.types import (
    MOST_VALUE_BYTES,
    NAME_PATTERN,
    SECRET_TOPIC,
    PipelineUses,
    Secret,
    SecretListed,
    SecretUse,
    SecretValue,
)

_NAME = re.compile(NAME_PATTERN.replace("$", r"\Z"))


class VaultService:
    """Keeps secrets: makes, replaces, lists and deletes them, and lends values to the signer."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def secrets(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: str | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[SecretListed]:
        """Return secrets in the order of their names, with the pipelines that use each."""
        rows = await store.secret_list(txn, environment_id, after=after, limit=limit, text=text)
        uses: dict[str, list[SecretUse]] = {row.name: [] for row in rows}
        if rows:
            for use in await store.secret_use_list(txn, environment_id, list(uses)):
                uses[use.secret_name].append(store.use_of(use))
        return [SecretListed(secret=row, used_by=uses[row.name]) for row in rows]

    async def used_by(self, txn: Transaction, environment_id: UUID, name: str) -> list[SecretUse]:
        """Return the pipelines that use one secret."""
        return [store.use_of(use) for use in await store.secret_use_list(txn, environment_id, [name])]

    async def create(
        self, txn: Transaction, actor: Actor, environment_id: UUID, name: str, value: str
    ) -> Secret:
        """Keep a new secret. Raises `SecretInvalid`, `SecretNameTaken` or `KeysUnavailable`."""
        if not _NAME.fullmatch(name):
            message = "use 1 to 64 of A-Z, a-z, 0-9, _ and -"
            raise SecretInvalid(errors=[FieldError("name", message)])
        content = _content(value)
        secret = await store.secret_insert(txn, environment_id, new_id(), name)
        if secret is None:
            raise SecretNameTaken
        await self._keep(txn, actor, secret, content)
        await txn.audit(_entry(AuditAction.SECRET_CREATED, actor, secret, f"Secret {name} was made."))
        await txn.notify(SECRET_TOPIC, {"environment_id": environment_id, "secret_id": secret.id})
        return secret

    async def for_change(self, txn: Transaction, environment_id: UUID, secret_id: UUID) -> Secret:
        """Return a secret and hold it, so that nobody else changes it meanwhile. Raises `SecretNotFound`."""
        secret = await store.secret_lock(txn, environment_id, secret_id)
        if secret is None:
            raise SecretNotFound
        return secret

    async def replace(
        self, txn: Transaction, actor: Actor, environment_id: UUID, secret: Secret, value: str
    ) -> Secret:
        """Give a secret that `for_change` returned a new value. Raises `SecretInvalid` or `KeysUnavailable`."""
        content = _content(value)
        newer = await store.secret_next_version(txn, secret.id)
        if newer is None:
            raise SecretNotFound
        await self._keep(txn, actor, newer, content)
        summary = f"Secret {secret.name} got a new value."
        await txn.audit(_entry(AuditAction.SECRET_UPDATED, actor, newer, summary))
        await txn.notify(SECRET_TOPIC, {"environment_id": environment_id, "secret_id": secret.id})
        return newer

    async def delete(self, txn: Transaction, actor: Actor, environment_id: UUID, secret: Secret) -> None:
        """Remove a secret that `for_change` returned, with all its versions. Raises `SecretInUse`."""
        uses = await self.used_by(txn, environment_id, secret.name)
        if uses:
            names = ", ".join(use.name for use in uses[:5])
            more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
            raise SecretInUse(f"{SecretInUse.title()} They are: {names}{more}.")
        await store.secret_delete(txn, secret.id)
        await txn.audit(
            _entry(AuditAction.SECRET_DELETED, actor, secret, f"Secret {secret.name} was deleted.")
        )

    async def secret_values(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str]
    ) -> list[SecretValue]:
        """Return the present values of those names that exist; for the database role signer alone.

        Raises `KeysUnavailable` or `SealBroken`.
        """
        await self._keys.hold(txn)
        return [
            SecretValue(
                name=row.name,
                version_id=row.version_id,
                version=row.version,
                value=await self._keys.unseal(txn, _cell(row.version_id, row.version), row.value),
            )
            for row in await store.secret_version_list_sealed(txn, environment_id, names)
        ]

    async def missing(self, txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[str]:
        """Return which names no secret has; the others cannot be deleted until the transaction ends."""
        if not names:
            return []
        present = set(await store.secret_names_lock(txn, environment_id, names))
        return [name for name in names if name not in present]

    async def record_uses(self, txn: Transaction, environment_id: UUID, uses: PipelineUses) -> None:
        """Write down what a pipeline refers to; called whenever its draft or revisions change."""
        await store.secret_use_replace(txn, environment_id, uses)

    async def _keep(self, txn: Transaction, actor: Actor, secret: Secret, content: bytes) -> None:
        version_id = new_id()
        sealed = await self._keys.seal(txn, _cell(version_id, secret.version), content)
        await store.secret_version_insert(txn, secret, version_id, sealed, actor.account_id)


class SecretColumn:
    """The values of secrets, for rotation."""

    name = "secret_versions.value"

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the value's cell."""
        return _cell(sealed.id, sealed.row_version)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await store.secret_value_batch(txn, after, limit)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await store.secret_value_batch(txn, after, limit, version.to_bytes(4, "big"))

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await store.secret_value_swap(txn, values)


def _cell(version_id: UUID, version: int) -> Cell:
    return Cell("secret", "secret_versions", "value", version_id, version)


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


def _entry(action: AuditAction, actor: Actor, secret: Secret, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="secret",
        object_id=str(secret.id),
        summary=summary,
        after={"name": secret.name, "version": secret.version},
    )
