"""What documents and the signer are lent by name. Works in the caller's transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID, uuid5

from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.vault.columns import private_key_cell, secret_cell, variable_cell
from vectorflow.vault.store import certificates, files, secrets, stores, variables
from vectorflow.vault.types import LentValues, SecretValue
from vectorflow.vault.variables import variable_lent
from vectorflow_topology.surroundings import HeldCertificate, OutsideSecret, Reference, Surroundings

_VARIABLE, _PRIVATE_KEY = "var.", "key."


class OutsideValues(Protocol):
    """Fetches secrets that lie in outside stores; the process that may do that provides it."""

    async def values(
        self, txn: Transaction, rows: Sequence[stores.OutsideRow]
    ) -> tuple[list[SecretValue], dict[str, str]]:
        """Return the values that could be had, and for the other names the reason."""
        ...


class Lending:
    """Surroundings for documents, and values for the signer."""

    def __init__(self, keys: KeyService, outside: OutsideValues | None) -> None:
        self._keys = keys
        self._outside = outside

    async def surroundings(
        self, txn: Transaction, environment_id: UUID, references: Iterable[Reference], *, hold: bool
    ) -> Surroundings:
        """Return what the environment lends a document that holds these references.

        With `hold` it stays as it is until the transaction ends: for what is written down of it.
        """
        names: dict[str, set[str]] = {"secret": set(), "variable": set(), "certificate": set(), "file": set()}
        for each in references:
            names[each.kind].add(each.name)
        if hold:
            await self._hold(txn, environment_id, names)
        lent = {
            row.name: variable_lent(row)
            for row in await variables.variable_of_names(txn, environment_id, sorted(names["variable"]))
        }
        held = {
            row.name: HeldCertificate(row.sha256.hex(), row.version, row.has_key)
            for row in await certificates.certificate_lend(txn, environment_id, sorted(names["certificate"]))
        }
        outside = {
            row.name: OutsideSecret(f"store-{row.store_name}", row.store_field)
            for row in await stores.outside_list(txn, environment_id, sorted(names["secret"]))
            if row.resolve == "node"
        }
        return Surroundings(
            variables=lent,
            certificates=held,
            files=await self._files(txn, environment_id, sorted(names["file"])),
            outside=outside,
        )

    async def values(self, txn: Transaction, environment_id: UUID, names: Sequence[str]) -> LentValues:
        """Return the present values of those names that exist; for the database role signer alone.

        Names are as the compiler writes them. Raises `KeysUnavailable`, `SealBroken` or `StoreNotAsked`.
        """
        await self._keys.hold(txn)
        values = [
            *await self._own_values(txn, environment_id, names),
            *await self._variable_values(txn, environment_id, names),
            *await self._private_keys(txn, environment_id, names),
        ]
        plain = [name for name in names if "." not in name]
        rows = [
            row for row in await stores.outside_list(txn, environment_id, plain) if row.resolve == "server"
        ]
        failures: dict[str, str] = {}
        if rows and self._outside is not None:
            fetched, failures = await self._outside.values(txn, rows)
            values += fetched
        return LentValues({value.name: value for value in values}, failures)

    async def _own_values(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str]
    ) -> list[SecretValue]:
        return [
            SecretValue(
                name=row.name,
                version_id=row.version_id,
                version=row.version,
                value=await self._keys.unseal(txn, secret_cell(row.version_id, row.version), row.value),
            )
            for row in await secrets.secret_version_list_sealed(txn, environment_id, names)
        ]

    async def _variable_values(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str]
    ) -> list[SecretValue]:
        wanted = [name.removeprefix(_VARIABLE) for name in names if name.startswith(_VARIABLE)]
        if not wanted:
            return []
        return [
            SecretValue(
                name=_VARIABLE + row.name,
                version_id=uuid5(row.id, str(row.version)),
                version=row.version,
                value=await self._keys.unseal(txn, variable_cell(row.id, row.version), row.sealed),
            )
            for row in await variables.variable_list_sealed(txn, environment_id, wanted)
        ]

    async def _private_keys(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str]
    ) -> list[SecretValue]:
        wanted = {name for name in names if name.startswith(_PRIVATE_KEY)}
        if not wanted:
            return []
        plain = sorted({name.removeprefix(_PRIVATE_KEY).rpartition(".")[0] for name in wanted})
        return [
            SecretValue(
                name=name,
                version_id=row.version_id,
                version=row.version,
                value=await self._keys.unseal(
                    txn, private_key_cell(row.version_id, row.version), row.private_key
                ),
                file=True,
            )
            for row in await certificates.certificate_key_list(txn, environment_id, plain)
            if (name := f"{_PRIVATE_KEY}{row.name}.{row.version}") in wanted
        ]

    async def _hold(
        self, txn: Transaction, environment_id: UUID, names: Mapping[str, Collection[str]]
    ) -> None:
        for kind, held in (
            ("variable", variables.variable_hold),
            ("certificate", certificates.certificate_hold),
            ("file", files.lookup_file_hold),
        ):
            if names[kind]:
                await held(txn, environment_id, sorted(names[kind]))

    async def _files(self, txn: Transaction, environment_id: UUID, names: Sequence[str]) -> dict[str, str]:
        found = await files.lookup_file_hashes(txn, environment_id, names) if names else []
        return {each.name: each.sha256.hex() for each in found}
