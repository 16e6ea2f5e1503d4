"""Which engines nodes have, and whom to ask what an engine is.

Heartbeats only look into memory. What they tell is compared with the database by one statement an organisation
every few seconds, and a node is asked when its engine is one that nobody has settled.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import msgspec
import structlog

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.store import engines as store
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.library.service import EngineSchemaService, digest_bytes
from vectorflow.pipelines.types import EngineInUse
from vectorflow.platform.database import Database, DatabaseUnavailable, Transaction
from vectorflow.platform.logs import clean_text
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire.messages import EngineFacts, EngineKind

log = structlog.get_logger()

INTERVAL_SECONDS = 5.0
ASK_AGAIN_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 300.0
_MOST_NODES = 100_000
_MOST_PROGRAMS = 10_000
_MOST_CHANGED = 20_000

_Program = tuple[UUID, bytes]


class _State(msgspec.Struct):
    open: bool
    look_at: float
    ask_at: float = 0.0


class EngineBook:
    """The engines of the nodes that this process hears from."""

    def __init__(
        self,
        database: Database,
        schemas: EngineSchemaService,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._schemas = schemas
        self._monotonic = monotonic
        self._nodes: OrderedDict[UUID, EngineFacts] = OrderedDict()
        self._changed: dict[UUID, dict[UUID, EngineFacts]] = {}
        self._programs: OrderedDict[_Program, _State | None] = OrderedDict()
        self._given: set[tuple[UUID, bytes]] = set()
        self._uploads = TokenBuckets(burst=3, per_second=1 / 300, monotonic=monotonic)

    def take(self, authority: NodeAuthority, engine: EngineFacts) -> str:
        """Note a node's engine; return its digest when this node should describe it, else nothing."""
        if self._nodes.get(authority.node_id) != engine and self._queued(authority, engine):
            self._nodes[authority.node_id] = engine
            if len(self._nodes) > _MOST_NODES:
                self._nodes.popitem(last=False)
        digest = digest_bytes(engine.digest) if engine.kind == EngineKind.VECTOR else None
        if digest is None:
            return ""
        program = (authority.organization_id, digest)
        state = self._programs.get(program)
        if state is None:
            self._programs[program] = None
            if len(self._programs) > _MOST_PROGRAMS:
                self._programs.popitem(last=False)
            return ""
        now = self._monotonic()
        if not state.open or now < state.ask_at or (authority.node_id, digest) in self._given:
            return ""
        state.ask_at = now + ASK_AGAIN_SECONDS
        return engine.digest

    def _queued(self, authority: NodeAuthority, engine: EngineFacts) -> bool:
        """Queue what is to be written down; False when too much waits, and the next heartbeat tells it again."""
        if sum(map(len, self._changed.values())) >= _MOST_CHANGED:
            return False
        self._changed.setdefault(authority.organization_id, {})[authority.node_id] = engine
        return True

    async def upload(self, authority: NodeAuthority, digest_text: str, zipped: bytes, address: str) -> None:
        """Keep what a node says of its engine.

        Raises `AgentRequestInvalid`, `RateLimitedError`, `EngineSchemaRefused`, `TooManyEngineSchemas`.
        """
        digest = digest_bytes(digest_text)
        if digest is None:
            raise AgentRequestInvalid("an engine is named by sha256: and 64 hexadecimal digits")
        told = self._nodes.get(authority.node_id)
        if told is not None and told.digest != digest_text:
            raise AgentRequestInvalid("this node's heartbeats name another engine")
        self._uploads.check(str(authority.node_id))
        read = await self._schemas.read(zipped)
        actor = Actor(kind=ActorKind.NODE, name="node", node_id=authority.node_id, address=address)
        async with self._database.transaction(authority.organization_id) as txn:
            await self._schemas.record(txn, digest, read, authority.node_id, actor)
        if len(self._given) >= _MOST_NODES:
            self._given.clear()
        self._given.add((authority.node_id, digest))
        self._programs[authority.organization_id, digest] = None
        log.info("engine.described", version=clean_text(read.version), node_id=str(authority.node_id))

    async def run(self) -> None:
        """Compare what was heard with the database, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await self.settle()
            except Exception as error:
                log.warning("engines.not-settled", error=type(error).__name__)

    async def settle(self) -> None:
        """Write changed engines down and look up programs that are not known (any more).

        What fails waits for the next time, and holds up no other organisation. Raises `DatabaseUnavailable`.
        """
        now = self._monotonic()
        wanted: dict[UUID, list[bytes]] = {}
        for (organization_id, digest), state in self._programs.items():
            if state is None or state.look_at < now:
                wanted.setdefault(organization_id, []).append(digest)
        for organization_id in {*wanted, *self._changed}:
            changed = self._changed.pop(organization_id, {})
            try:
                await self._settle_one(organization_id, changed, wanted.get(organization_id, []))
            except Exception as error:
                # What was told meanwhile is newer.
                self._changed[organization_id] = changed | self._changed.get(organization_id, {})
                if isinstance(error, DatabaseUnavailable):
                    raise
                log.warning(
                    "engines.not-settled", organization_id=str(organization_id), error=type(error).__name__
                )

    async def _settle_one(
        self, organization_id: UUID, changed: dict[UUID, EngineFacts], digests: list[bytes]
    ) -> None:
        async with self._database.transaction(organization_id) as txn:
            if changed:
                await store.node_engines_set(txn, changed)
            found = await self._schemas.open_digests(txn, digests) if digests else set()
        look_at = self._monotonic() + LOOK_AGAIN_SECONDS
        for digest in digests:
            before = self._programs.get((organization_id, digest))
            ask_at = before.ask_at if before else 0.0
            self._programs[organization_id, digest] = _State(digest in found, look_at, ask_at)


class EnginesOfNodes:
    """Tells the room of pipelines which engines an environment has."""

    async def engines(self, txn: Transaction, environment_id: UUID) -> list[EngineInUse]:
        """Return the distinct engines of an environment's nodes."""
        return await store.engine_list(txn, environment_id)
