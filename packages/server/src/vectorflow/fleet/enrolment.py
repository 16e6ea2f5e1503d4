"""How a machine becomes a node, or the node it was before."""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from uuid import UUID

import msgspec

from vectorflow.fleet import topics
from vectorflow.fleet.errors import AddressNotAllowed, AgentRequestInvalid, EnrolmentRefused, ProofRefused
from vectorflow.fleet.machines import described
from vectorflow.fleet.renewal import OVERLAP, suspect_clone
from vectorflow.fleet.store import assignments, nodes
from vectorflow.fleet.store import tokens as token_store
from vectorflow.fleet.types import DuplicateReason, EnrolmentAuthority, NewNode
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id, parse_id
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.logs import clean_text
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire import envelope, tokens
from vectorflow_wire.encoding import EncodingInvalid, base32_bytes, base64_bytes, base64_text
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.keys import key_id, public_key
from vectorflow_wire.messages import EnrollAnswer, EnrollRequest, Intervals, Machine
from vectorflow_wire.renewal import ReattachClaim
from vectorflow_wire.sealing import SealingKeyUnusable, sealing_key

_MOST_PLACES = 1000
_PLACE_SECONDS = 30.0


class _Place(msgspec.Struct, frozen=True):
    """What every machine of an environment is told alike; every bundle brings the newest key list again."""

    root: bytes
    key_list: Envelope
    environment_slug: str
    until: float


class Enrolment:
    """Enrols machines in one transaction each."""

    def __init__(self, database: Database, signing: SigningService, intervals: Intervals) -> None:
        self._database = database
        self._signing = signing
        self._intervals = intervals
        # Whoever has a token may enrol many machines, but not fill the database with them at once.
        self._rates = TokenBuckets(burst=2000, per_second=200)
        self._places: OrderedDict[UUID, _Place] = OrderedDict()

    async def enroll(
        self, token: tokens.Token, authority: EnrolmentAuthority, request: EnrollRequest, address: str
    ) -> EnrollAnswer:
        """Make a node, or take back the one that the machine proves to be.

        Raises `EnrolmentRefused`, `AddressNotAllowed`, `ProofRefused`, `AgentRequestInvalid`, `RateLimitedError`,
        `SigningKeysMissing`.
        """
        if authority.revoked or authority.spent:
            raise EnrolmentRefused
        if not address_allowed(address, authority.allowed_addresses):
            raise AddressNotAllowed
        self._rates.check(str(authority.organization_id))
        async with self._database.transaction(authority.organization_id) as txn:
            labels = await token_store.enrolment_token_use(txn, token.id)
            if labels is None:
                raise EnrolmentRefused
            place = await self._place(txn, authority.environment_id)
            # Shared, so that the end of a rollout either sees this node or is seen by it.
            await assignments.environment_lock(txn, authority.environment_id, exclusive=False)
            known, clone_of = await self._known(txn, authority, request)
            node = _described(request, authority.environment_id, known.id if known else new_id(), labels)
            if known is not None:
                # Before the new key is written: what the old token signs goes with the old one.
                await token_store.node_token_supersede(txn, known.id, known.identity_key, OVERLAP)
                await nodes.node_reattach(txn, node)
            else:
                node = await self._add(txn, authority, node, clone_of, address)
            fresh = tokens.mint(tokens.NODE, authority.slug, new_id())
            await token_store.node_token_insert(txn, fresh.id, node.id, fresh.hash, first=known is None)
            await _record(txn, node, address, again=known is not None)
            txn.hint(topics.ASSIGNMENTS, {"nodes": [node.id]})
            txn.hint(topics.NODES, {"environment_id": authority.environment_id})
        return EnrollAnswer(
            node_id=str(node.id),
            node_token=fresh.text,
            organization=str(authority.organization_id),
            organization_slug=authority.slug,
            environment=str(authority.environment_id),
            environment_slug=place.environment_slug,
            root_key=base64_text(place.root),
            key_list=place.key_list,
            name=node.name,
            pending=node.admission == "pending",
            intervals=self._intervals,
        )

    async def _place(self, txn: Transaction, environment_id: UUID) -> _Place:
        place = self._places.get(environment_id)
        if place is None or place.until < time.monotonic():
            root = await self._signing.root_key(txn)
            keys = await self._signing.key_list(txn)
            place = self._places[environment_id] = _Place(
                root=root.public,
                key_list=msgspec.json.decode(keys.envelope, type=Envelope),
                environment_slug=await nodes.environment_slug(txn, environment_id),
                until=time.monotonic() + _PLACE_SECONDS,
            )
            while len(self._places) > _MOST_PLACES:
                self._places.popitem(last=False)
        return place

    async def _known(
        self, txn: Transaction, authority: EnrolmentAuthority, request: EnrollRequest
    ) -> tuple[nodes.KnownNode | None, UUID | None]:
        """Return the node that the machine proves to be, or else the one whose copy it is.

        An old token whose successor is in use proves nothing: another machine goes on as that node.
        """
        if request.proof is not None:
            node_id = await self._proved(txn, request)
        else:
            token = _node_token(request.previous_node_token)
            held = await token_store.node_token_held(txn, token.id, token.hash) if token else None
            if held is None:
                return None, None
            if held.superseded and held.successor_used:
                return None, held.node_id
            node_id = held.node_id
        known = await nodes.node_lock(txn, node_id)
        if known is None or known.environment_id != authority.environment_id:
            return None, None
        if request.proof is not None:
            _check_signature(request.proof, known.identity_key)
        return known, None

    async def _proved(self, txn: Transaction, request: EnrollRequest) -> UUID:
        """Use the nonce of a proof up and return the node it speaks of; its signature is still to be checked."""
        proof = request.proof
        try:
            claim = msgspec.json.decode(base64_bytes(proof.payload if proof else ""), type=ReattachClaim)
            challenge_text, _, secret = claim.nonce.partition(".")
            digest = hashlib.sha256(base32_bytes(secret)).digest()
        except (EncodingInvalid, msgspec.MsgspecError, UnicodeDecodeError):
            raise AgentRequestInvalid("the proof cannot be read") from None
        challenge_id = parse_id(challenge_text)
        node_id = await token_store.challenge_take(txn, challenge_id, digest) if challenge_id else None
        keys = (request.keys.identity, request.keys.sealing)
        if node_id is None or claim.node != str(node_id) or (claim.identity, claim.sealing) != keys:
            raise ProofRefused
        return node_id

    async def _add(
        self,
        txn: Transaction,
        authority: EnrolmentAuthority,
        node: NewNode,
        clone_of: UUID | None,
        address: str,
    ) -> NewNode:
        twin = clone_of or await nodes.node_of_machine(txn, authority.environment_id, node.machine_id)
        reason: DuplicateReason | None = None
        if twin is not None:
            reason = "clone" if clone_of else "machine-id"
        node = msgspec.structs.replace(
            node,
            duplicate_of=twin,
            duplicate_reason=reason,
            admission="pending" if authority.approval else "admitted",
        )
        await nodes.node_insert(txn, node, self._intervals.heartbeat_seconds)
        if clone_of is not None:
            await suspect_clone(txn, clone_of, address)
        if node.admission == "admitted":
            await begin(txn, node.environment_id, node.id)
        return node


async def begin(txn: Transaction, environment_id: UUID, node_id: UUID) -> None:
    """Assign what the environment has, so that a late node runs what its sisters run; the caller wakes the signer."""
    for each in await assignments.deployment_list(txn, environment_id, node_id):
        await assignments.assignment_put(
            txn, [node_id], each.pipeline_id, revision=each.revision, desired=each.desired
        )


def address_allowed(address: str, networks: list[str]) -> bool:
    """Tell whether an address is in one of the networks; no networks allow every address."""
    if not networks:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(client, ipaddress.IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return any(client in ipaddress.ip_network(each) for each in networks)


def _node_token(text: str | None) -> tokens.Token | None:
    try:
        return tokens.parse(text, prefixes=(tokens.NODE,)) if text else None
    except tokens.TokenInvalid:
        return None


def _check_signature(proof: Envelope, identity_key: bytes) -> None:
    try:
        envelope.verify(proof, {key_id(identity_key): identity_key}, envelope.REATTACH)
    except envelope.EnvelopeRefused:
        raise ProofRefused from None


def _described(
    request: EnrollRequest, environment_id: UUID, node_id: UUID, labels: dict[str, str]
) -> NewNode:
    try:
        identity, sealing = public_key(request.keys.identity), sealing_key(request.keys.sealing)
    except (EncodingInvalid, SealingKeyUnusable) as error:
        raise AgentRequestInvalid(f"the agent's keys: {error}") from None
    machine = described(Machine(hostname=request.hostname, platform=request.platform, facts=request.facts))
    return NewNode(
        id=node_id,
        environment_id=environment_id,
        name=machine.hostname[:200],
        machine_id=clean_text(request.machine_id).strip()[:200] or "unknown",
        hostname=machine.hostname,
        identity_key=identity,
        sealing_key=sealing,
        facts=machine.facts,
        platform=machine.platform,
        labels=labels,
        agent_version=clean_text(request.agent_version)[:100],
        engine_kind=clean_text(request.engine.kind)[:40],
        engine_version=clean_text(request.engine.version)[:100],
        engine_digest=clean_text(request.engine.digest)[:100],
    )


async def _record(txn: Transaction, node: NewNode, address: str, *, again: bool) -> None:
    await txn.audit(
        AuditEntry(
            action=AuditAction.NODE_ENROLLED,
            actor=Actor(kind=ActorKind.NODE, name=node.name, node_id=node.id, address=address),
            object_type="node",
            object_id=str(node.id),
            summary=f"The node {node.name} enrolled {'again' if again else 'for the first time'}",
            after={"hostname": node.hostname, "agent_version": node.agent_version},
        )
    )
