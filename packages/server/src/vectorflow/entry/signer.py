"""The signer's process: reacts to changed assignments, renews bundles, cares for signing keys.

Runs with the database role signer. Any number of signers may run; each piece of work is idempotent. What waits for
somebody else's service, an outside store or an organisation's own key provider, runs beside the signing.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import structlog

from vectorflow.fleet import topics
from vectorflow.fleet.changes import Changes, Work
from vectorflow.fleet.signing import BundleSigner
from vectorflow.fleet.statement_signing import StatementSigner
from vectorflow.kernel.ids import parse_id
from vectorflow.keys.errors import KeysUnavailable
from vectorflow.keys.flights import hurried
from vectorflow.platform.bus import Bus
from vectorflow.tenancy.lifecycle.exporting import ExportSigner
from vectorflow.vault.errors import StoreNotAsked

log = structlog.get_logger()

SWEEP_SECONDS = 5.0
KEYS_SECONDS = 300.0
STORES_SECONDS = 60.0
_AT_ONCE = 3
_STORES_AT_ONCE = 4
_KEYS_AT_ONCE = 2


class SignerRole:
    """Owns the loop. A lost bus message costs at most one sweep."""

    def __init__(
        self,
        signer: BundleSigner,
        statements: StatementSigner,
        bus: Bus,
        *,
        exports: ExportSigner | None = None,
        sweep_seconds: float = SWEEP_SECONDS,
        keys_seconds: float = KEYS_SECONDS,
        stores_seconds: float = STORES_SECONDS,
    ) -> None:
        self._signer = signer
        self._statements = statements
        self._bus = bus
        self._exports = exports
        self._sweep_seconds = sweep_seconds
        self._keys_seconds = keys_seconds
        self._stores_seconds = stores_seconds
        # No more than there are organisations: one stands here once, until its stores were asked.
        self._to_ask: asyncio.Queue[UUID] = asyncio.Queue()
        self._asking: set[UUID] = set()
        self._changes = Changes()
        self._wake = asyncio.Event()
        self._cared_for: set[UUID] = set()
        self._cared_at = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        end = self._bus.subscribe(topics.ASSIGNMENTS, self._on_assignments)
        self._bus.on_reconnect(self._wake.set)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sign_forever(), name="signer-sign")
                group.create_task(self._care_forever(), name="signer-keys")
                group.create_task(self._ask_forever(), name="signer-stores")
                for _ in range(_STORES_AT_ONCE):
                    group.create_task(self._ask_lane(), name="signer-stores-lane")
        finally:
            end()

    async def _sign_forever(self) -> None:
        # A key provider that is slow or dead keeps its own organisation waiting, until a later sweep.
        with hurried():
            while True:
                await self.sweep()
                await self._react_until_sweep()

    async def sweep(self) -> None:
        """Sign everything that is due, whether or not the bus told of it."""
        try:
            await self._sign_all(dict.fromkeys(await self._signer.due_organizations(), Work(statements=True)))
            if self._exports is not None:
                await self._exports.sweep()
        except Exception as error:
            # A database that is down comes back; the next sweep does what this one could not.
            log.warning("signer.sweep-failed", error=type(error).__name__)

    async def _react_until_sweep(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._sweep_seconds
        while loop.time() < deadline:
            due_at = self._changes.due_at()
            # Around the waiting alone: work is not cut short.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline if due_at is None else min(deadline, due_at)):
                    await self._wake.wait()
            self._wake.clear()
            await self._sign_all(self._changes.take(loop.time()))

    async def _sign_all(self, organizations: Mapping[UUID, Work]) -> None:
        """Sign bundles for all, and statements where they wait.

        While one organisation waits for the disk another one's bundles are made.
        """
        waiting = iter(organizations.items())

        async def lane() -> None:
            for organization_id, work in waiting:
                await self._sign(organization_id, work)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(lane())

    async def _sign(self, organization_id: UUID, work: Work) -> None:
        try:
            # First what somebody waits for; bundles may be thousands.
            told = await self._statements.sign(organization_id) if work.statements else 0
            stored = await self._signer.sign(organization_id, work.nodes)
        except StoreNotAsked:  # assigned since the stores were asked last
            self._ask(organization_id)
        except KeysUnavailable as error:
            log.warning("signer.keys-unavailable", organization_id=str(organization_id), problem=error.code)
        except Exception as error:
            # One organisation's trouble is not the others'.
            log.warning("signer.failed", organization_id=str(organization_id), error=type(error).__name__)
        else:
            if stored or told:
                log.info(
                    "signer.signed", organization_id=str(organization_id), bundles=stored, statements=told
                )

    async def _ask_forever(self) -> None:
        while True:
            try:
                for organization_id in await self._signer.organizations_with_stores():
                    self._ask(organization_id)
            except Exception as error:
                log.warning("signer.stores-not-listed", error=type(error).__name__)
            await asyncio.sleep(self._stores_seconds)

    def _ask(self, organization_id: UUID) -> None:
        if organization_id not in self._asking:
            self._asking.add(organization_id)
            self._to_ask.put_nowait(organization_id)

    async def _ask_lane(self) -> None:
        """Ask the stores of one organisation after another, and look at its bundles again with what they gave."""
        while True:
            organization_id = await self._to_ask.get()
            try:
                asked = await self._signer.refresh_stores(organization_id)
            except Exception as error:
                log.warning(
                    "signer.stores-not-asked",
                    organization_id=str(organization_id),
                    error=type(error).__name__,
                )
            else:
                if asked:
                    self._changes.changed(organization_id)
                    self._wake.set()
            finally:
                self._asking.discard(organization_id)

    async def _care_forever(self) -> None:
        while True:
            try:
                await self._care_for_keys()
            except Exception as error:
                log.warning("signer.keys-not-looked-at", error=type(error).__name__)
            await asyncio.sleep(self._sweep_seconds)

    async def _care_for_keys(self) -> None:
        now = asyncio.get_running_loop().time()
        everyone = await self._signer.organizations()
        again = not self._cared_at or now - self._cared_at >= self._keys_seconds
        new = [each for each in everyone if each not in self._cared_for]
        waiting = iter([*new, *(each for each in everyone if each in self._cared_for)] if again else new)

        async def lane() -> None:
            for organization_id in waiting:
                await self._care_for(organization_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(_KEYS_AT_ONCE):
                group.create_task(lane())
        if again:
            self._cared_at = now

    async def _care_for(self, organization_id: UUID) -> None:
        try:
            await self._signer.ensure_keys(organization_id)
            self._cared_for.add(organization_id)
        except Exception as error:
            log.warning(
                "signer.keys-not-made", organization_id=str(organization_id), error=type(error).__name__
            )

    def _on_assignments(self, message: Mapping[str, Any]) -> None:
        organization_id = parse_id(str(message.get("organization_id", "")))
        if organization_id is None:
            return
        nodes = message.get("nodes")
        if isinstance(nodes, list):
            self._changes.enrolled(organization_id, _ids(nodes))
        else:
            self._changes.changed(organization_id, statements=message.get("statements") is True)
        self._wake.set()


def _ids(texts: list[Any]) -> Iterator[UUID]:
    for text in texts:
        found = parse_id(str(text))
        if found is not None:
            yield found
