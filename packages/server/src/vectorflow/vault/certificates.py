"""Rules of certificates: checked as they come in, the chain kept as a file, the private key sealed."""

import asyncio
import hashlib
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.vault.columns import private_key_cell
from vectorflow.vault.errors import (
    CertificateInUse,
    CertificateInvalid,
    CertificateNameTaken,
    CertificateNotFound,
)
from vectorflow.vault.names import description_errors, in_words, name_errors
from vectorflow.vault.pem import ReadChain, read_chain
from vectorflow.vault.store import certificates as store
from vectorflow.vault.store import files, uses
from vectorflow.vault.store.certificates import CertificateColumns, CertificateRow, CertificateVersion

_MOST_VERSIONS = 100


class GivenCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as somebody uploads it. The passphrase opens the key once and is not kept."""

    chain: str
    private_key: str | None = None
    passphrase: str | None = None
    authorities: str | None = None

    def __repr__(self) -> str:
        """Leave the key out."""
        return "GivenCertificate(…)"


class CertificateService:
    """Keeps certificates. A rotated one takes effect with the next revision of whatever uses it."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    async def read(self, given: GivenCertificate) -> ReadChain:
        """Check an upload, before any transaction begins. Raises `CertificateInvalid`."""
        return await asyncio.to_thread(
            read_chain, given.chain, given.private_key, given.passphrase, given.authorities
        )

    async def certificates(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: str | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[CertificateRow]:
        """Return certificates in the order of their names."""
        return await store.certificate_list(txn, environment_id, after=after, limit=limit, text=text)

    async def certificate(
        self, txn: Transaction, environment_id: UUID, certificate_id: UUID
    ) -> CertificateRow:
        """Return a certificate. Raises `CertificateNotFound`."""
        found = await store.certificate_get(txn, environment_id, certificate_id)
        if found is None:
            raise CertificateNotFound
        return found

    async def for_change(
        self, txn: Transaction, environment_id: UUID, certificate_id: UUID
    ) -> CertificateRow:
        """Return a certificate and hold it. Raises `CertificateNotFound`."""
        found = await store.certificate_lock(txn, environment_id, certificate_id)
        if found is None:
            raise CertificateNotFound
        return found

    async def versions(
        self, txn: Transaction, environment_id: UUID, certificate_id: UUID
    ) -> list[CertificateVersion]:
        """Return a certificate's versions, newest first. Raises `CertificateNotFound`."""
        found = await self.certificate(txn, environment_id, certificate_id)
        return await store.certificate_version_list(txn, found.id, _MOST_VERSIONS)

    async def create(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        chain: ReadChain,
        description: str = "",
    ) -> CertificateRow:
        """Keep a new certificate that `read` checked. Raises `CertificateInvalid`, `CertificateNameTaken`."""
        problems = [*name_errors(name), *description_errors(description)]
        if problems:
            raise CertificateInvalid(errors=problems)
        certificate_id = new_id()
        if not await store.certificate_insert(txn, environment_id, certificate_id, name, description):
            raise CertificateNameTaken
        await self._keep(txn, actor, certificate_id, 1, chain)
        made = await self.certificate(txn, environment_id, certificate_id)
        summary = f"The certificate {name} was uploaded."
        await txn.audit(_entry(AuditAction.CERTIFICATE_CREATED, actor, made, summary))
        return made

    async def renew(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        certificate: CertificateRow,
        chain: ReadChain,
    ) -> CertificateRow:
        """Keep a newer version of a certificate that `for_change` returned."""
        version = await store.certificate_next_version(txn, certificate.id)
        await self._keep(txn, actor, certificate.id, version, chain)
        await uses.use_mark_stale(txn, environment_id, "certificate", certificate.name)
        newer = await self.certificate(txn, environment_id, certificate.id)
        summary = f"The certificate {certificate.name} was renewed."
        await txn.audit(_entry(AuditAction.CERTIFICATE_UPDATED, actor, newer, summary))
        return newer

    async def delete(
        self, txn: Transaction, actor: Actor, environment_id: UUID, certificate: CertificateRow
    ) -> None:
        """Remove a certificate that `for_change` returned, with its keys. Raises `CertificateInUse`."""
        used = await uses.use_list(txn, environment_id, "certificate", [certificate.name])
        if used:
            names = in_words([each.name for each in used])
            raise CertificateInUse(f"{CertificateInUse.title()} They are: {names}.")
        await store.certificate_delete(txn, certificate.id)
        summary = f"The certificate {certificate.name} was deleted."
        await txn.audit(_entry(AuditAction.CERTIFICATE_DELETED, actor, certificate, summary))

    async def _keep(
        self, txn: Transaction, actor: Actor, certificate_id: UUID, version: int, chain: ReadChain
    ) -> None:
        sha256 = hashlib.sha256(chain.pem).digest()
        await files.contents_lock_shared(txn)
        if await files.content_insert(txn, sha256, len(chain.pem)):
            await files.content_part_insert(txn, sha256, 0, chain.pem)
        version_id = new_id()
        sealed = None
        if chain.private_key is not None:
            sealed = await self._keys.seal(txn, private_key_cell(version_id, version), chain.private_key)
        facts = {"chain": chain.chain, "certificates": msgspec.to_builtins(chain.certificates)}
        columns = CertificateColumns(
            id=version_id,
            sha256=sha256,
            facts=facts,
            not_before=chain.not_before,
            not_after=chain.not_after,
            private_key=sealed,
        )
        await store.certificate_version_insert(txn, certificate_id, version, columns, actor)


def _entry(action: AuditAction, actor: Actor, certificate: CertificateRow, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="certificate",
        object_id=str(certificate.id),
        summary=summary,
        after={
            "name": certificate.name,
            "version": certificate.version,
            "sha256": certificate.sha256.hex(),
            "not_after": certificate.not_after.isoformat(),
            "with_key": certificate.has_key,
        },
    )
