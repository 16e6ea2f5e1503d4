"""Taking events of taps from nodes: sealed to the tap, left for its requester, never read here again."""

import zlib
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Database
from vectorflow.platform.http.problems import TooLargeError
from vectorflow.telemetry.taps.relay import relay_seal
from vectorflow.telemetry.taps.service import TAP_TOPIC, UNWATCHED_SECONDS
from vectorflow.telemetry.taps.store import taps as store
from vectorflow_wire.taps import MOST_BATCH_BYTES, TapAnswer, TapBatch

MOST_WAITING: Final = 40
"""Batches that wait for one requester; what comes meanwhile is dropped and counted."""

MOST_EVENTS: Final = 2000
_MAX_BIGINT: Final = 2**63 - 1
_MOST_ENDED: Final = 40


class TapIntake:
    """Takes the batches of nodes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decoder = msgspec.json.Decoder(TapBatch)

    async def take(self, node: NodeAuthority, tap_id: UUID, body: bytes) -> TapAnswer:
        """Store a compressed batch; answered after commit. Whether the node shall go on.

        Raises `AgentRequestInvalid`, `TooLargeError`, `DatabaseUnavailable`.
        """
        batch = self._read(body)
        async with self._database.transaction(node.organization_id) as txn:
            tap = await store.tap_for_node(txn, tap_id, node.node_id, unwatched_seconds=UNWATCHED_SECONDS)
            if tap is None or not tap.watched:
                return TapAnswer(go_on=False)
            if batch.sequence <= tap.sequence:
                return TapAnswer()
            room = tap.waiting < MOST_WAITING
            sent = len(batch.events) if room else 0
            await store.tap_node_heard(
                txn,
                tap_id,
                node.node_id,
                sequence=batch.sequence,
                counts=(
                    _count(batch.taken),
                    _count(batch.matched),
                    _count(batch.dropped + len(batch.events) - sent),
                    sent,
                ),
                ended=batch.ended[:_MOST_ENDED] if batch.ended.isprintable() else "unknown",
            )
            if room:
                sealed = relay_seal(tap.relay_public, node.organization_id, tap_id, node.node_id, batch)
                await store.batch_insert(txn, new_id(), tap_id, node.node_id, sealed)
            txn.hint(TAP_TOPIC, {"tap_id": tap_id})
        return TapAnswer(go_on=not batch.ended)

    def _read(self, body: bytes) -> TapBatch:
        unzip = zlib.decompressobj(wbits=31)
        try:
            plain = unzip.decompress(body, MOST_BATCH_BYTES + 1)
        except zlib.error as error:
            raise AgentRequestInvalid("the events are not compressed with gzip") from error
        if len(plain) > MOST_BATCH_BYTES or unzip.unconsumed_tail:
            raise TooLargeError(f"A batch holds at most {MOST_BATCH_BYTES} bytes.")
        try:
            batch = self._decoder.decode(plain)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # From None: the message may quote an event.
            raise AgentRequestInvalid("the events cannot be read") from None
        if not 0 < batch.sequence <= _MAX_BIGINT or len(batch.events) > MOST_EVENTS:
            raise AgentRequestInvalid("a batch has a number and at most 2000 events")
        return batch


def _count(value: int) -> int:
    return max(0, min(value, _MAX_BIGINT))
