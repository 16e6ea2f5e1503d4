"""How a machine becomes a node, or the node it was before."""

from uuid import UUID

import msgspec

from vectorflow.fleet import service, topics
from vectorflow.fleet.errors import AgentRequestInvalid, EnrolmentRefused
from vectorflow.fleet.store import assignments, nodes
from vectorflow.fleet.store import tokens as token_store
from vectorflow.fleet.types import EnrolmentAuthority, NewNode
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.logs import clean_text
from vectorflow_wire import tokens
from vectorflow_wire.encoding import EncodingInvalid, base64_text
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.keys import public_key
from vectorflow_wire.messages import EnrollAnswer, EnrollRequest, Intervals

_MOST_FACTS = 100


class Enrolment:
    """Enrols machines in one transaction each."""

    def __init__(self, database: Database, signing: SigningService, intervals: Intervals) -> None:
        self._database = database
        self._signing = signing
        self._intervals = intervals

    async def enroll(
        self, token: tokens.Token, authority: EnrolmentAuthority, request: EnrollRequest, address: str
    ) -> EnrollAnswer:
        """Make a node, or take back the one whose token the machine still has.

        Raises `EnrolmentRefused`, `AgentRequestInvalid`, `SigningKeysMissing`.
        """
        if authority.revoked or authority.spent:
            raise EnrolmentRefused
        async with self._database.transaction(authority.organization_id) as txn:
            labels = await token_store.enrolment_token_use(txn, token.id)
            if labels is None:
                raise EnrolmentRefused
            root = await self._signing.root_key(txn)
            keys = await self._signing.key_list(txn)
            environment_slug = await nodes.environment_slug(txn, authority.environment_id)
            # Shared, so that the end of a rollout either sees this node or is seen by it.
            await assignments.environment_lock(txn, authority.environment_id, exclusive=False)
            known = await self._known(txn, authority, request.previous_node_token)
            node = _described(request, authority.environment_id, known or new_id(), labels)
            if known is not None:
                await nodes.node_reattach(txn, node)
                await token_store.node_token_revoke_all(txn, known)
                await txn.notify(topics.NODE, {"node_id": known})
            else:
                twin = await nodes.node_of_machine(txn, authority.environment_id, node.machine_id)
                node = msgspec.structs.replace(node, duplicate_of=twin)
                await nodes.node_insert(txn, node, self._intervals.heartbeat_seconds)
                await self._begin(txn, node)
            fresh = tokens.mint(tokens.NODE, authority.slug, new_id())
            await token_store.node_token_insert(txn, fresh.id, node.id, fresh.hash)
            await _record(txn, node, address, again=known is not None)
            await txn.notify(topics.ASSIGNMENTS)
            await txn.notify(topics.NODES, {"environment_id": authority.environment_id})
        return EnrollAnswer(
            node_id=str(node.id),
            node_token=fresh.text,
            organization=str(authority.organization_id),
            organization_slug=authority.slug,
            environment=str(authority.environment_id),
            environment_slug=environment_slug,
            root_key=base64_text(root.public),
            key_list=msgspec.json.decode(keys.envelope, type=Envelope),
            name=node.name,
            intervals=self._intervals,
        )

    async def _known(
        self, txn: Transaction, authority: EnrolmentAuthority, previous: str | None
    ) -> UUID | None:
        """Return the node a still valid token of this organisation and environment belongs to."""
        if not previous:
            return None
        try:
            token = tokens.parse(previous, prefixes=(tokens.NODE,))
        except tokens.TokenInvalid:
            return None
        known = await nodes.node_of_token(txn, token.id, token.hash)
        if known is None or known.environment_id != authority.environment_id:
            return None
        return known.id

    async def _begin(self, txn: Transaction, node: NewNode) -> None:
        """Assign what the environment has, so that a late node runs what its sisters run."""
        for each in await assignments.deployment_list(txn, node.environment_id):
            await service.assign(
                txn, [node.id], each.pipeline_id, revision=each.revision, desired=each.desired
            )


def _described(
    request: EnrollRequest, environment_id: UUID, node_id: UUID, labels: dict[str, str]
) -> NewNode:
    try:
        identity, sealing = public_key(request.keys.identity), public_key(request.keys.sealing)
    except EncodingInvalid as error:
        raise AgentRequestInvalid(f"the agent's keys: {error}") from None
    hostname = clean_text(request.hostname).strip()[:255] or "unnamed"
    return NewNode(
        id=node_id,
        environment_id=environment_id,
        name=hostname[:200],
        machine_id=clean_text(request.machine_id).strip()[:200] or "unknown",
        hostname=hostname,
        identity_key=identity,
        sealing_key=sealing,
        facts={
            clean_text(name)[:100]: clean_text(value)[:1000]
            for name, value in list(request.facts.items())[:_MOST_FACTS]
        },
        platform={
            name: clean_text(value)[:100] if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(request.platform).items()
        },
        labels=labels,
        agent_version=clean_text(request.agent_version)[:100],
        engine_kind=clean_text(request.engine.kind)[:40],
        engine_version=clean_text(request.engine.version)[:100],
        engine_digest=clean_text(request.engine.digest)[:100],
        duplicate_of=None,
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
