"""Telling connected nodes of their new bundles, which are read meanwhile: all of them are about to be fetched."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from vectorflow.fleet.desired import DesiredBook
from vectorflow.fleet.present import pipeline_id_of
from vectorflow.fleet.streams import Streams
from vectorflow_wire.messages import DesiredHint

log = structlog.get_logger()

READ_SECONDS = 1.0


class DesiredNews:
    """Passes on what the bus says of new bundles: one statement for all nodes of a message, however many fetch."""

    def __init__(self, desired: DesiredBook, streams: Streams) -> None:
        self._desired = desired
        self._streams = streams
        self._tasks: set[asyncio.Task[None]] = set()

    def on_desired(self, message: Mapping[str, Any]) -> None:
        """Take a message of the bus."""
        listening: dict[UUID, list[UUID]] = defaultdict(list)
        for text, version in dict(message.get("nodes", {})).items():
            node_id = pipeline_id_of(str(text))
            generation, _, issue = str(version).partition(".")
            if node_id is None or not (generation.isdigit() and issue.isdigit()):
                continue
            self._desired.changed(node_id, int(generation), int(issue))
            # The organisation is the one that the node proved, whatever the message says.
            organization_id = self._streams.organization(node_id)
            if organization_id is not None:
                self._streams.tell(node_id, DesiredHint(generation=int(generation), issue=int(issue)))
                listening[organization_id].append(node_id)
        for organization_id, node_ids in listening.items():
            task = asyncio.create_task(self._read(organization_id, node_ids))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, organization_id: UUID, node_ids: list[UUID]) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._desired.load(organization_id, *node_ids)
        except Exception as error:
            # Each reads its own when it asks.
            log.info("bundles.not-read", error=type(error).__name__)
