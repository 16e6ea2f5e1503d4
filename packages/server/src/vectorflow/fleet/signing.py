"""The signer's work: bundles for nodes whose assignments changed, and renewal at half life.

Runs with the database role signer, the only one that may read signing keys and secrets and write bundles.
Idempotent: two signers at once store the same generation once.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from vectorflow.fleet import topics
from vectorflow.fleet.bundles import Ingredients, Made, SealedKey, Way, make_bundles
from vectorflow.fleet.offline import offline_limit
from vectorflow.fleet.store import bundles as store
from vectorflow.kernel.clock import Clock
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database, Transaction
from vectorflow.vault.service import VaultService
from vectorflow.vault.types import LentValues
from vectorflow_topology.document import document_from_json
from vectorflow_topology.handover import handover, root_digest
from vectorflow_topology.surroundings import Surroundings
from vectorflow_wire.bundles import Handover, StoreRef

log = structlog.get_logger()

BATCH = 500
_MOST_WAYS = 2000
_UNKNOWN_WAY = Way(Handover.RESTART, "")
_Step = tuple[UUID, int | None, int]


class OutsideStores(Protocol):
    """Fetches secrets from outside stores; passed in where the process may call them."""

    async def refresh(self, organization_id: UUID, wanted: Sequence[tuple[UUID, str]]) -> int:
        """Fetch secrets (environment, name) that are not held; return how many places were asked."""
        ...


class BundleSigner:
    """Makes, signs and stores bundles, an organisation at a time."""

    def __init__(
        self,
        database: Database,
        vault: VaultService,
        signing: SigningService,
        clock: Clock,
        *,
        outside: OutsideStores | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._signing = signing
        self._clock = clock
        self._outside = outside
        # Revisions never change, so neither does the way from one to the next.
        self._ways: OrderedDict[_Step, Way] = OrderedDict()

    async def due_organizations(self) -> list[UUID]:
        """Return the organisations that have nodes in need of a bundle."""
        async with self._database.unscoped() as txn:
            return await store.organizations_to_sign(txn)

    async def organizations(self) -> list[UUID]:
        """Return every organisation."""
        async with self._database.unscoped() as txn:
            return await store.organizations_for_keys(txn)

    async def ensure_keys(self, organization_id: UUID) -> None:
        """Make or renew the organisation's signing keys and key list where that is due."""
        async with self._database.transaction(organization_id) as txn:
            await self._signing.ensure_signing_keys(txn)

    async def refresh_stores(self, organization_id: UUID) -> int:
        """Ask outside stores for the secrets that nodes are to run with; a change makes bundles due.

        Returns how many places were asked; what is held is not asked again.
        """
        if self._outside is None:
            return 0
        async with self._database.transaction(organization_id) as txn:
            names = await store.secret_names_deployed(txn)
        return await self._outside.refresh(
            organization_id, [(each.environment_id, each.name) for each in names]
        )

    async def organizations_with_stores(self) -> list[UUID]:
        """Return the organisations whose outside stores the server asks."""
        if self._outside is None:
            return []
        async with self._database.unscoped() as txn:
            return await store.organizations_with_stores(txn)

    async def sign(self, organization_id: UUID, node_ids: Collection[UUID] | None = None) -> int:
        """Make every bundle that is due, of these nodes or of all; return how many were stored.

        Raises `StoreNotAsked` where `refresh_stores` has to fetch something first: nothing outside is waited for here.
        """
        total = 0
        while True:
            # One snapshot: an order that came between would be signed with the generation before it, and its reports
            # would not count.
            async with self._database.snapshot(organization_id) as txn:
                due = await _due(txn, node_ids)
                wanted = await store.wanted_list(txn, [node.id for node in due]) if due else []
            if due:
                async with self._database.transaction(organization_id) as txn:
                    total += await self._batch(txn, due, wanted)
            if len(due) < BATCH:
                return total

    async def _batch(
        self, txn: Transaction, due: list[store.DueNode], wanted: list[store.WantedPipeline]
    ) -> int:
        await self._learn_ways(txn, wanted)
        ingredients = await self._ingredients(txn, due, wanted)
        pairs: list[tuple[store.DueNode, list[store.WantedPipeline]]] = [(node, []) for node in due]
        for each in wanted:
            for place in each.nodes:
                pairs[place][1].append(each)
        made = await asyncio.to_thread(make_bundles, pairs, ingredients)
        return await self._store(txn, made)

    async def _ingredients(
        self,
        txn: Transaction,
        due: list[store.DueNode],
        wanted: list[store.WantedPipeline],
    ) -> Ingredients:
        online = await self._signing.signing_key(txn)
        names: dict[UUID, set[str]] = defaultdict(set)
        backends: dict[UUID, set[str]] = defaultdict(set)
        for each in wanted:
            if each.desired == "run" and (each.secrets or each.stores):
                for environment_id in {due[place].environment_id for place in each.nodes}:
                    names[environment_id].update(each.secrets)
                    backends[environment_id].update(each.stores)
        secrets: dict[UUID, LentValues] = {}
        for environment_id, wanted_names in names.items():
            if wanted_names:
                lent = await self._vault.secret_values(txn, environment_id, sorted(wanted_names))
                secrets[environment_id] = lent
        stores: dict[UUID, dict[str, StoreRef]] = {}
        for environment_id, wanted_names in backends.items():
            if wanted_names:
                stores[environment_id] = {
                    each.name: StoreRef(name=each.name, type=each.type, options=each.options)
                    for each in await self._vault.stores.backends(txn, environment_id)
                }
        versions = [
            value.version_id
            for several in secrets.values()
            for value in several.values.values()
            if value.stored
        ]
        sealed: dict[SealedKey, str] = {}
        if versions:
            for row in await store.sealed_list(txn, [node.id for node in due], versions):
                sealed[row.version_id, row.node_id, row.key_id] = row.sealed
        limit = await offline_limit(txn)
        return Ingredients(
            organization_id=txn.organization_id,
            signer=online.signer,
            keys_version=online.keys_version,
            secrets=secrets,
            stores=stores,
            sealed=sealed,
            way=self._way,
            now=self._clock.now(),
            max_offline_seconds=limit.max_offline_seconds,
        )

    async def _store(self, txn: Transaction, made: Made) -> int:
        if made.sealed:
            await store.sealed_insert(txn, made.sealed)
        stored = await store.bundle_put(txn, made.bundles, made.validity)
        for start in range(0, len(stored), topics.HINTS_PER_MESSAGE):
            chunk = stored[start : start + topics.HINTS_PER_MESSAGE]
            versions = {str(row.node_id): f"{row.generation}.{row.issue}" for row in chunk}
            txn.hint(topics.DESIRED, {"nodes": versions})
        return len(stored)

    def _way(self, wanted: store.WantedPipeline) -> Way:
        step = (wanted.pipeline_id, wanted.previous, wanted.number)
        return self._ways.get(step, _UNKNOWN_WAY)

    async def _learn_ways(self, txn: Transaction, wanted: list[store.WantedPipeline]) -> None:
        steps = {(each.pipeline_id, each.previous, each.number) for each in wanted} - set(self._ways)
        if not steps:
            return
        revisions = {(pipeline, number) for pipeline, _, number in steps} | {
            (pipeline, previous) for pipeline, previous, _ in steps if previous is not None
        }
        rows = await store.revision_documents(txn, sorted(revisions))
        documents = {(row.pipeline_id, row.number): row for row in rows}
        for step in steps:
            pipeline, previous, number = step
            old = documents.get((pipeline, previous)) if previous is not None else None
            self._ways[step] = await asyncio.to_thread(_computed, old, documents[pipeline, number])
        while len(self._ways) > max(_MOST_WAYS, len(steps)):
            self._ways.popitem(last=False)


async def _due(txn: Transaction, node_ids: Collection[UUID] | None) -> list[store.DueNode]:
    if node_ids is None:
        return await store.due_list(txn, BATCH)
    return await store.due_of(txn, node_ids, BATCH)


def _computed(old: store.RevisionDocument | None, new: store.RevisionDocument) -> Way:
    """Return the way from one document to the next; what cannot be told is a restart, which is always safe."""
    try:
        before = document_from_json(msgspec.json.decode(old.document)) if old is not None else None
        after = document_from_json(msgspec.json.decode(new.document))
        lent_before = msgspec.json.decode(old.surroundings, type=Surroundings) if old is not None else None
        lent_after = msgspec.json.decode(new.surroundings, type=Surroundings)
        return Way(handover(before, after, lent_before, lent_after), root_digest(after, lent_after))
    except Exception as error:
        log.warning("handover.not-computed", error=type(error).__name__)
        return _UNKNOWN_WAY
