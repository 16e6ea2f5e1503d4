"""Routes of certificates: chains can be read by members, private keys by nobody."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault.certificates import GivenCertificate
from vectorflow.vault.http.common import ENVIRONMENT
from vectorflow.vault.pem import ReadCertificate
from vectorflow.vault.service import VaultService
from vectorflow.vault.store.certificates import CertificateRow
from vectorflow.vault.types import NAME_PATTERN, SecretUse, State

_PATH = ENVIRONMENT + "/certificates"
_MOST_BODY = 1024 * 1024


class CertificateGiven(msgspec.Struct, forbid_unknown_fields=True):
    """A certificate in PEM: the chain, leaf first; the private key where there is one.

    The passphrase opens an encrypted key once and is not kept. `authorities` are what the chain must lead to.
    """

    chain: str
    private_key: str | None = None
    passphrase: str | None = None
    authorities: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class CertificateNew(CertificateGiven, forbid_unknown_fields=True):
    """A certificate to be kept."""

    name: Annotated[
        str, msgspec.Meta(description=f"What documents refer to as CERT[name] and KEY[name]: {NAME_PATTERN}")
    ] = ""
    description: str = ""

    def __repr__(self) -> str:
        return "CertificateNew(…)"


class Certificate(msgspec.Struct):
    """A certificate with its newest version. `certificates` are what it consists of, the leaf first."""

    id: UUID
    name: str
    description: str
    version: int
    state: State
    not_before: Instant
    not_after: Instant
    has_key: bool
    chain: Literal["complete", "open", "self-signed", "bundle", "trusted"]
    certificates: list[ReadCertificate]
    sha256: str
    created_at: Instant
    updated_at: Instant
    uploaded_by: str
    used_by: list[SecretUse]
    etag: str


class CertificateList(msgspec.Struct):
    """A page of certificates, by name."""

    items: list[Certificate]
    next_cursor: str | None


class CertificateVersion(msgspec.Struct):
    """One version of a certificate."""

    version: int
    sha256: str
    not_before: Instant
    not_after: Instant
    has_key: bool
    created_at: Instant
    created_by: str


class CertificateVersionList(msgspec.Struct):
    """The versions of a certificate, newest first; the last hundred."""

    items: list[CertificateVersion]


@get(
    _PATH,
    operation_id="listCertificates",
    summary="The environment's certificates, by name",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_READ,
)
async def list_certificates(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> CertificateList:
    """List certificates."""
    del org, env
    key = decode_cursor(cursor, str)
    environment_id = access.environment_id
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.certificates.certificates(
            txn, environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
        used = await vault.used_by(txn, environment_id, "certificate", [row.name for row in rows])
    items, next_cursor = page(rows, limit, lambda row: (row.name,))
    return CertificateList([_certificate(row, used[row.name]) for row in items], next_cursor)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getCertificate",
    summary="One certificate, without its private key",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_READ,
)
async def get_certificate(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Certificate]:
    """Return a certificate."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        answer = await _answered(
            txn,
            vault,
            access.environment_id,
            await vault.certificates.certificate(txn, access.environment_id, id),
        )
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH,
    operation_id="createCertificate",
    summary="Upload a certificate",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_WRITE,
    request_max_body_size=_MOST_BODY,
)
async def create_certificate(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[CertificateNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Certificate]:
    """Check and keep a certificate."""
    del org, env
    chain = await vault.certificates.read(_given(data))
    async with database.transaction(access.organization_id) as txn:
        made = await vault.certificates.create(
            txn, actor, access.environment_id, name=data.name, chain=chain, description=data.description
        )
        answer = await _answered(txn, vault, access.environment_id, made)
    return Response(answer, status_code=201, headers={"ETag": answer.etag})


@put(
    _PATH + "/{id:uuid}",
    operation_id="renewCertificate",
    summary="Upload a certificate's next version",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_WRITE,
    request_max_body_size=_MOST_BODY,
)
async def renew_certificate(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[CertificateGiven],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Certificate]:
    """Keep a newer version; what uses it takes it with its next revision."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    chain = await vault.certificates.read(_given(data))
    async with database.transaction(access.organization_id) as txn:
        held = await vault.certificates.for_change(txn, environment_id, id)
        require_match(given, _tag(held))
        newer = await vault.certificates.renew(txn, actor, environment_id, held, chain)
        answer = await _answered(txn, vault, environment_id, newer)
    return Response(answer, headers={"ETag": answer.etag})


@get(
    _PATH + "/{id:uuid}/versions",
    operation_id="listCertificateVersions",
    summary="A certificate's versions",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_READ,
)
async def list_certificate_versions(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> CertificateVersionList:
    """List versions."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.certificates.versions(txn, access.environment_id, id)
    return CertificateVersionList(
        [
            CertificateVersion(
                version=row.version,
                sha256=row.sha256.hex(),
                not_before=rfc3339(row.not_before),
                not_after=rfc3339(row.not_after),
                has_key=row.has_key,
                created_at=rfc3339(row.created_at),
                created_by=row.created_by,
            )
            for row in rows
        ]
    )


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteCertificate",
    summary="Delete a certificate that nothing uses, with its keys",
    tags=["certificates"],
    permission=Permission.CERTIFICATE_WRITE,
)
async def delete_certificate(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> None:
    """Delete a certificate."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        held = await vault.certificates.for_change(txn, environment_id, id)
        require_match(given, _tag(held))
        await vault.certificates.delete(txn, actor, environment_id, held)


def _given(data: CertificateGiven) -> GivenCertificate:
    return GivenCertificate(
        chain=data.chain,
        private_key=data.private_key or None,
        passphrase=data.passphrase or None,
        authorities=data.authorities or None,
    )


async def _answered(
    txn: Transaction, vault: VaultService, environment_id: UUID, row: CertificateRow
) -> Certificate:
    used = await vault.used_by(txn, environment_id, "certificate", [row.name])
    return _certificate(row, used[row.name])


def _tag(row: CertificateRow) -> str:
    return etag("certificate", row.id, row.version)


def _certificate(row: CertificateRow, used_by: list[SecretUse]) -> Certificate:
    return Certificate(
        id=row.id,
        name=row.name,
        description=row.description,
        version=row.version,
        state=row.state,
        not_before=rfc3339(row.not_before),
        not_after=rfc3339(row.not_after),
        has_key=row.has_key,
        chain=row.facts["chain"],
        certificates=msgspec.convert(row.facts["certificates"], list[ReadCertificate]),
        sha256=row.sha256.hex(),
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        uploaded_by=row.uploaded_by,
        used_by=used_by,
        etag=_tag(row),
    )


routes = [
    list_certificates,
    get_certificate,
    create_certificate,
    renew_certificate,
    list_certificate_versions,
    delete_certificate,
]
