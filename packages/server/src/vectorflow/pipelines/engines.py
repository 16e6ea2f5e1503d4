"""What documents are checked against: every distinct Vector among the nodes that they are meant for."""

from collections import OrderedDict
from uuid import UUID

import structlog

from vectorflow.library.errors import EngineSchemaRefused
from vectorflow.library.reading import catalogue_of
from vectorflow.library.service import EngineSchemaService, digest_bytes
from vectorflow.library.types import KnownEngine
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.types import EngineInUse, EnginesLookup
from vectorflow.platform.database import Transaction
from vectorflow_topology.catalogue import Catalogue
from vectorflow_topology.checks.engines import Engine
from vectorflow_topology.compiler import Target
from vectorflow_topology.compiler.types import version_key
from vectorflow_wire.messages import EngineKind

log = structlog.get_logger()

MOST_ENGINES = 8
"""Engines that one check is made against: those of most nodes."""
_MOST_CATALOGUES = 8


class TargetEngines:
    """Knows the engines of an environment, with the catalogues of their own programs."""

    def __init__(self, lookup: EnginesLookup, schemas: EngineSchemaService, workbench: Workbench) -> None:
        self._lookup = lookup
        self._schemas = schemas
        self._workbench = workbench
        self._catalogues: OrderedDict[bytes, Catalogue | None] = OrderedDict()

    async def of(self, txn: Transaction, environment_id: UUID) -> tuple[Engine, ...]:
        """Return the engines to check against; none where no node has Vector."""
        in_use = [each for each in await self._lookup.engines(txn, environment_id) if _is_vector(each)]
        chosen = in_use[:MOST_ENGINES]
        digests = [digest for each in chosen if (digest := digest_bytes(each.digest)) is not None]
        known = {each.digest: each for each in await self._schemas.known(txn, digests)}
        return tuple(
            [await self._engine(txn, each, known.get(digest_bytes(each.digest) or b"")) for each in chosen]
        )

    async def _engine(self, txn: Transaction, engine: EngineInUse, known: KnownEngine | None) -> Engine:
        catalogue = await self._catalogue(txn, known) if known is not None else None
        # Agents turn interpolation off, whatever the version.
        target = Target(vector_version=engine.version, interpolation=False)
        confirmed = known is not None and known.confirmed
        return Engine(target=target, catalogue=catalogue, confirmed=confirmed and catalogue is not None)

    async def _catalogue(self, txn: Transaction, known: KnownEngine) -> Catalogue | None:
        if known.content_sha256 not in self._catalogues:
            content = await self._schemas.content(txn, known.id)
            try:
                made = await self._workbench.run(catalogue_of, content)
            except EngineSchemaRefused as error:  # a newer reader may refuse what an older one took
                log.warning("engine-schema.unreadable", id=str(known.id), reason=error.detail)
                made = None
            self._catalogues[known.content_sha256] = made
            if len(self._catalogues) > _MOST_CATALOGUES:
                self._catalogues.popitem(last=False)
        return self._catalogues[known.content_sha256]


def _is_vector(engine: EngineInUse) -> bool:
    if engine.kind != EngineKind.VECTOR:
        return False
    try:
        version_key(engine.version)
    except ValueError:
        return False
    return True
