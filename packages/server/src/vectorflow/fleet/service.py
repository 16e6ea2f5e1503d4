"""Rules of nodes and enrolment tokens as people use them. Works in the caller's transaction."""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from vectorflow.fleet import topics
from vectorflow.fleet.errors import AlreadyRevoked, EnrolmentTokenNotFound, NodeNotFound
from vectorflow.fleet.maintenance import resting_groups
from vectorflow.fleet.present import enrolment_token_of, node_detail_of, node_of
from vectorflow.fleet.selectors import Requirement
from vectorflow.fleet.store import assignments, nodes, reports
from vectorflow.fleet.store import groups as group_store
from vectorflow.fleet.store import tokens as token_store
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.fleet.types import (
    Deployment,
    Desired,
    EnrolmentToken,
    EnrolmentTokenCreated,
    Node,
    NodeCount,
    NodeDetail,
    NodeGroupRef,
    NodeRow,
    NodeSummary,
    NodeTarget,
    ReportRow,
)
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.ids import new_id
from vectorflow.keys.signing import SigningService
from vectorflow.pipelines.types import Deployed
from vectorflow.platform.database import Transaction
from vectorflow.platform.http.etag import require_match
from vectorflow_wire import tokens
from vectorflow_wire.messages import Intervals

REPORTS_SHOWN = 50


class FleetService:
    """Nodes and enrolment tokens. `agent_url` makes the address that agents of an organisation's slug use."""

    def __init__(self, signing: SigningService, clock: Clock, agent_url: Callable[[str], str]) -> None:
        self._signing = signing
        self._clock = clock
        self._agent_url = agent_url

    async def nodes(
        self,
        txn: Transaction,
        environment_id: UUID,
        wanted: NodeFilter | None = None,
        *,
        after: tuple[str, UUID] | None = None,
        limit: int = 50,
    ) -> list[Node]:
        """Return nodes by name; those that are gone only when asked for by status."""
        wanted = await self._with_resting(txn, environment_id, wanted or NodeFilter())
        rows = await nodes.node_list(txn, environment_id, wanted, after=after, limit=limit)
        return [node_of(row) for row in rows]

    async def summary(self, txn: Transaction, environment_id: UUID, wanted: NodeFilter) -> NodeSummary:
        """Return how many nodes a filter finds."""
        wanted = await self._with_resting(txn, environment_id, wanted)
        counts = await nodes.node_counts(txn, environment_id, wanted)
        statuses: Counter[str] = Counter()
        versions: Counter[str] = Counter()
        for each in counts:
            statuses[each.status] += each.nodes
            versions[each.agent_version] += each.nodes
        return NodeSummary(
            nodes=statuses.total(),
            statuses=[NodeCount(*each) for each in sorted(statuses.items())],
            versions=[NodeCount(*each) for each in sorted(versions.items())],
        )

    async def node(self, txn: Transaction, environment_id: UUID, node_id: UUID) -> NodeDetail:
        """Return a node with assignments, newest reports, groups and machine. Raises `NodeNotFound`."""
        groups = await group_store.group_list(txn, environment_id)
        row = await node_row(txn, environment_id, node_id, resting_groups(groups, self._clock.now()))
        assigned = await assignments.assignment_list(txn, node_id)
        told = await reports.report_list(txn, node_id, REPORTS_SHOWN)
        mine = set(await group_store.group_ids_of_node(txn, environment_id, node_id))
        shown = [NodeGroupRef(each.id, each.name) for each in groups if each.id in mine]
        return node_detail_of(row, assigned, told, shown)

    async def _with_resting(self, txn: Transaction, environment_id: UUID, wanted: NodeFilter) -> NodeFilter:
        groups = await group_store.group_list(txn, environment_id)
        return msgspec.structs.replace(wanted, resting=tuple(resting_groups(groups, self._clock.now())))

    async def node_revoke(
        self, txn: Transaction, environment_id: UUID, node_id: UUID, if_match: str, actor: Actor
    ) -> None:
        """Revoke a node and its tokens: it is told nothing more, and what it says is not taken.

        Raises `NodeNotFound`, `AlreadyRevoked`, `StaleVersionError`.
        """
        await nodes.node_lock(txn, node_id)  # so that what is compared is what is revoked
        row = await node_row(txn, environment_id, node_id)
        require_match(if_match, node_of(row).etag)
        if row.status == "revoked":
            raise AlreadyRevoked
        await nodes.node_revoke(txn, node_id)
        await txn.audit(
            AuditEntry(
                action=AuditAction.NODE_REVOKED,
                actor=actor,
                object_type="node",
                object_id=str(node_id),
                summary=f"Revoked the node {row.name}",
            )
        )
        await txn.notify(topics.NODE, {"node_id": node_id})
        await txn.notify(topics.NODES, {"environment_id": environment_id})

    async def enrolment_tokens(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: UUID | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[EnrolmentToken]:
        """Return enrolment tokens, newest first."""
        rows = await token_store.enrolment_token_list(
            txn, environment_id, after=after, limit=limit, text=text
        )
        return [enrolment_token_of(row) for row in rows]

    async def enrolment_token_create(
        self,
        txn: Transaction,
        slug: str,
        environment_id: UUID,
        *,
        name: str,
        expires_in_seconds: int,
        max_uses: int,
        labels: dict[str, str],
        actor: Actor,
        allowed_addresses: Sequence[str] = (),
        approval: bool = False,
    ) -> EnrolmentTokenCreated:
        """Make an enrolment token; its text is returned this once. Raises `SigningKeysMissing`."""
        token = tokens.mint(tokens.ENROLMENT, slug, new_id())
        root = await self._signing.root_key(txn)
        await token_store.enrolment_token_insert(
            txn,
            token_id=token.id,
            environment_id=environment_id,
            name=name,
            secret_hash=token.hash,
            labels=labels,
            created_by=actor.name[:200],
            expires_at=self._clock.now() + timedelta(seconds=expires_in_seconds),
            max_uses=max_uses,
            allowed_addresses=allowed_addresses,
            approval=approval,
        )
        row = await token_store.enrolment_token_get(txn, environment_id, token.id)
        await txn.audit(
            AuditEntry(
                action=AuditAction.ENROLMENT_TOKEN_CREATED,
                actor=actor,
                object_type="enrolment_token",
                object_id=str(token.id),
                summary=f"Created the enrolment token {name}",
                after={
                    "name": name,
                    "max_uses": max_uses,
                    "labels": labels,
                    "allowed_addresses": list(allowed_addresses),
                    "approval": approval,
                },
            )
        )
        if row is None:
            raise EnrolmentTokenNotFound
        shown = enrolment_token_of(row)
        return EnrolmentTokenCreated(
            **{field: getattr(shown, field) for field in shown.__struct_fields__},
            token=token.text,
            install_command=install_command(self._agent_url(slug), token.text, root.fingerprint),
            agent_url=self._agent_url(slug),
            root_fingerprint=root.fingerprint,
        )

    async def enrolment_token_revoke(
        self, txn: Transaction, environment_id: UUID, token_id: UUID, actor: Actor, if_match: str | None
    ) -> None:
        """Revoke an enrolment token; nodes that enrolled with it stay.

        Raises `EnrolmentTokenNotFound`, `AlreadyRevoked`, `StaleVersionError`.
        """
        row = await token_store.enrolment_token_get(txn, environment_id, token_id)
        if row is None:
            raise EnrolmentTokenNotFound
        if if_match is not None:
            require_match(if_match, enrolment_token_of(row).etag)
        if not await token_store.enrolment_token_revoke(txn, environment_id, token_id):
            raise AlreadyRevoked
        await txn.audit(
            AuditEntry(
                action=AuditAction.ENROLMENT_TOKEN_REVOKED,
                actor=actor,
                object_type="enrolment_token",
                object_id=str(token_id),
                summary=f"Revoked the enrolment token {row.name}",
            )
        )


def install_command(url: str, token: str, fingerprint: str) -> str:
    """Return the command that installs and enrols a machine; the fingerprint lets the agent check whom it believes.

    The token goes by a pipe from the shell's own printf, so that it stands in no list of processes.
    """
    return (
        f"printf '%s\\n' {shlex.quote(token)} | sudo vectorflow-agent install --server {shlex.quote(url)} "
        f"--root-fingerprint {shlex.quote(fingerprint)} --token-file -"
    )


async def node_row(
    txn: Transaction, environment_id: UUID, node_id: UUID, resting: Sequence[UUID] = ()
) -> NodeRow:
    """Return a node as it is stored. Raises `NodeNotFound`."""
    row = await nodes.node_get(txn, environment_id, node_id, resting)
    if row is None:
        raise NodeNotFound
    return row


# What the room above that rolls out uses, inside its own transaction.


async def assign(
    txn: Transaction,
    node_ids: Sequence[UUID],
    pipeline_id: UUID,
    *,
    revision: int,
    desired: Desired,
    reason: str = "",
) -> dict[UUID, int]:
    """Assign a revision of a pipeline to nodes and wake the signer.

    Returns, for each node that is not revoked, the generation from which its reports count.
    """
    if not node_ids:
        return {}
    made = await assignments.assignment_put(
        txn, node_ids, pipeline_id, revision=revision, desired=desired, reason=reason
    )
    txn.hint(topics.ASSIGNMENTS)
    return made


async def targets(
    txn: Transaction, environment_id: UUID, pipeline_id: UUID, requirements: Sequence[Requirement] = ()
) -> list[NodeTarget]:
    """Return the nodes of an environment that fulfil requirements, with what each is assigned of the pipeline.

    Nodes that wait to be admitted or were told to leave are none.
    """
    return await assignments.target_list(txn, environment_id, pipeline_id, requirements)


async def deployment(txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> Deployment | None:
    """Return what the environment has of a pipeline, which nodes that enrol later begin with."""
    return await assignments.deployment_get(txn, environment_id, pipeline_id)


async def deploy(txn: Transaction, environment_id: UUID, deployment: Deployment) -> None:
    """Say what the environment has of a pipeline from now on; call `environment_hold` first."""
    await assignments.deployment_put(txn, environment_id, deployment)


async def environment_hold(txn: Transaction, environment_id: UUID) -> None:
    """Let no node enrol in the environment until the transaction ends."""
    await assignments.environment_lock(txn, environment_id, exclusive=True)


async def counting_reports(txn: Transaction, pipeline_id: UUID, node_ids: Sequence[UUID]) -> list[ReportRow]:
    """Return what nodes reported on their present assignment of a pipeline, oldest first."""
    return await reports.report_newest_of(txn, pipeline_id, node_ids)


DEFAULT_INTERVALS = Intervals(heartbeat_seconds=15.0, poll_seconds=15.0)


class AssignedLookup:
    """Tells the room of pipelines what is deployed: its `DeployedLookup`."""

    async def deployed(self, txn: Transaction, pipeline_ids: Sequence[UUID]) -> dict[UUID, Deployed]:
        """Return what is deployed of each pipeline that any node should run or hold."""
        rows = await assignments.deployed_list(txn, pipeline_ids)
        return {
            row.pipeline_id: Deployed(row.revision, row.nodes_assigned, row.nodes_running, row.desired)
            for row in rows
            if row.desired != "stop"
        }
