"""New tokens and sealing keys for nodes, nonces for those who come back, and two machines that speak as one node.

What replaces something never cuts it off: an old token is accepted for a day longer, and for as long as a person has
not decided which machine is the node. So no copy of a machine can silence another.
"""

import hashlib
import secrets
from collections import OrderedDict
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet import topics
from vectorflow.fleet.errors import AgentRequestInvalid, AgentTokenRefused, CloneSuspected, RotationRefused
from vectorflow.fleet.store import nodes
from vectorflow.fleet.store import tokens as store
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.ids import new_id, parse_id
from vectorflow.platform.database import Database, Transaction
from vectorflow_wire import envelope, keys, renewal, tokens
from vectorflow_wire.encoding import EncodingInvalid, base32_text
from vectorflow_wire.sealing import SealingKeyUnusable, sealing_key

OVERLAP: Final = timedelta(hours=24)
CHALLENGE_LIFE: Final = timedelta(minutes=5)
_AHEAD_MS: Final = 3_600_000
_WATCHED: Final = 50_000
_STARTS: Final = 8


class Renewal:
    """What a gateway does for nodes about their tokens, keys and doubles."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watch = CloneWatch()
        self._suspected: OrderedDict[UUID, None] = OrderedDict()

    async def rotate(
        self, token: tokens.Token, authority: NodeAuthority, request: renewal.RotateRequest, address: str
    ) -> renewal.RotateAnswer:
        """Give a node a new token, and a new sealing key if it brings one.

        Raises `RotationRefused`, `CloneSuspected`, `AgentTokenRefused`, `AgentRequestInvalid`.
        """
        claim = self._claimed(token, authority, request)
        async with self._database.transaction(authority.organization_id) as txn:
            node = await nodes.node_lock(txn, authority.node_id)
            held = await store.node_token_held(txn, token.id, token.hash)
            if node is None or held is None:
                raise AgentTokenRefused
            now = self._clock.now()
            newest = node.rotation_claimed_at
            if claim.at <= newest <= now.timestamp() * 1000 + _AHEAD_MS:
                raise RotationRefused
            clone = held.superseded and held.successor_used
            if clone:
                await suspect_clone(txn, authority.node_id, address)
            else:
                fresh = tokens.mint(tokens.NODE, authority.slug, new_id())
                await store.node_token_supersede(txn, node.id, authority.identity_key, OVERLAP)
                await store.node_token_insert(txn, fresh.id, node.id, fresh.hash, first=False)
                await nodes.node_rotation_claimed(txn, node.id, claim.at)
                if claim.sealing:
                    await nodes.node_sealing_key(txn, node.id, _key(claim.sealing))
                    await txn.notify(topics.ASSIGNMENTS)
                await txn.audit(
                    _entry(AuditAction.NODE_TOKEN_ROTATED, node.id, address, "The node got a new token")
                )
        if clone:
            raise CloneSuspected
        return renewal.RotateAnswer(
            node_token=fresh.text, old_valid_until=round((now + OVERLAP).timestamp() * 1000)
        )

    async def challenge(
        self, organization_id: UUID, request: renewal.ChallengeRequest
    ) -> renewal.ChallengeAnswer:
        """Give a nonce for a node id, whether or not there is such a node. Raises `AgentRequestInvalid`."""
        node_id = parse_id(request.node)
        if node_id is None:
            raise AgentRequestInvalid("the node's id cannot be read")
        challenge_id, secret = new_id(), secrets.token_bytes(32)
        async with self._database.transaction(organization_id) as txn:
            digest = hashlib.sha256(secret).digest()
            await store.challenge_insert(txn, challenge_id, node_id, digest, CHALLENGE_LIFE)
        until = self._clock.now() + CHALLENGE_LIFE
        return renewal.ChallengeAnswer(
            nonce=f"{challenge_id}.{base32_text(secret)}", expires_at=round(until.timestamp() * 1000)
        )

    async def spoke(
        self, token: tokens.Token, authority: NodeAuthority, started_at: int, address: str
    ) -> bool:
        """Take note of who speaks; return whether the token was used for the first time.

        An older token in use beside its successor, or two agents that take turns, are two machines.
        """
        first = not authority.used
        twice = authority.succeeded or self._watch.take(authority.node_id, started_at)
        if first:
            async with self._database.transaction(authority.organization_id) as txn:
                await store.node_token_first_use(txn, token.id)
        if twice and authority.node_id not in self._suspected:
            self._suspected[authority.node_id] = None
            while len(self._suspected) > _WATCHED:
                self._suspected.popitem(last=False)
            async with self._database.transaction(authority.organization_id) as txn:
                await suspect_clone(txn, authority.node_id, address)
        return first

    def forget_node(self, node_id: UUID) -> None:
        """A person decided about a node, or it changed: look at it with fresh eyes."""
        self._suspected.pop(node_id, None)
        self._watch.forget(node_id)

    def _claimed(
        self, token: tokens.Token, authority: NodeAuthority, request: renewal.RotateRequest
    ) -> renewal.RotationClaim:
        trusted = {keys.key_id(authority.identity_key): authority.identity_key}
        try:
            payload = envelope.verify(request.claim, trusted, envelope.ROTATION)
            claim = msgspec.json.decode(payload, type=renewal.RotationClaim)
        except envelope.EnvelopeRefused:
            raise RotationRefused from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AgentRequestInvalid("the claim cannot be read") from error
        expected = (str(authority.organization_id), str(authority.node_id), renewal.token_claimed(token))
        if (claim.organization, claim.node, claim.token) != expected:
            raise RotationRefused
        if claim.sealing:
            _key(claim.sealing)
        return claim


class CloneWatch:
    """Notices agents that take turns as one node: one that has spoken speaks again after one that started later.

    It must happen twice, since the last words of an agent that is replaced may come late. A start that is new is no
    turn, whatever it says: clocks are set back too.
    """

    def __init__(self) -> None:
        # Starts of the agents heard of late, the last one first, and how often one came back.
        self._seen: OrderedDict[UUID, tuple[tuple[int, ...], int]] = OrderedDict()

    def take(self, node_id: UUID, started_at: int) -> bool:
        """Take note of a heartbeat; return whether two machines speak."""
        if not started_at:
            return False
        starts, returns = self._seen.get(node_id, ((started_at,), 0))
        if started_at != starts[0]:
            if started_at in starts and started_at < starts[0]:
                returns += 1
            starts = (started_at, *(each for each in starts if each != started_at))[:_STARTS]
        self._seen[node_id] = (starts, returns)
        self._seen.move_to_end(node_id)
        while len(self._seen) > _WATCHED:
            self._seen.popitem(last=False)
        return returns > 1

    def forget(self, node_id: UUID) -> None:
        """Begin anew with a node."""
        self._seen.pop(node_id, None)


async def suspect_clone(txn: Transaction, node_id: UUID, address: str) -> None:
    """Show a node as two machines until a person decides; nothing is cut off."""
    name = await nodes.node_suspect_clone(txn, node_id)
    if name is not None:
        summary = f"Two machines speak as the node {name}; both go on until somebody decides"
        await txn.audit(_entry(AuditAction.NODE_CLONE_SUSPECTED, node_id, address, summary))


def _entry(action: AuditAction, node_id: UUID, address: str, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=Actor(kind=ActorKind.NODE, name=str(node_id), node_id=node_id, address=address),
        object_type="node",
        object_id=str(node_id),
        summary=summary,
    )


def _key(text: str) -> bytes:
    try:
        return sealing_key(text)
    except (EncodingInvalid, SealingKeyUnusable) as error:
        raise AgentRequestInvalid(f"the sealing key: {error}") from None
