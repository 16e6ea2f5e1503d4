"""What the environment says to a document: the organisation's rules, and what neighbours on its nodes have."""

from collections.abc import Sequence
from uuid import UUID

from vectorflow.library.rules import PolicyRuleService
from vectorflow.pipelines import store
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.types import Checked, DeployedLookup, NothingDeployed
from vectorflow.platform.database import Transaction
from vectorflow_topology.catalogue import Resource
from vectorflow_topology.checks.policy import policy_findings
from vectorflow_topology.checks.resources import neighbour_clashes
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding


class Surroundings:
    """Judges documents by where they are to run."""

    def __init__(
        self, rules: PolicyRuleService, workbench: Workbench, deployed: DeployedLookup | None = None
    ) -> None:
        self._rules = rules
        self._workbench = workbench
        self._deployed = deployed or NothingDeployed()

    async def findings(
        self,
        txn: Transaction,
        environment_id: UUID,
        document: Document,
        checked: Checked,
        pipeline_id: UUID | None,
    ) -> list[Finding]:
        """Return where a document breaks rules, and what it wants that another pipeline's nodes have given away.

        Without a pipeline the neighbours are left out: the document's own deployed revision is one of them.
        """
        found: list[Finding] = []
        rules = await self._rules.of_environment(txn, environment_id)
        if rules:
            found += await self._workbench.run(policy_findings, document, rules)
        if pipeline_id is not None and checked.resources:
            found += await self._clashes(txn, environment_id, checked.resources, pipeline_id)
        return found

    async def _clashes(
        self,
        txn: Transaction,
        environment_id: UUID,
        resources: Sequence[tuple[str, Resource]],
        pipeline_id: UUID,
    ) -> list[Finding]:
        wanted = {(each.protocol, each.port) for _, each in resources}
        taken = await store.resource_list(txn, environment_id, sorted(wanted), but=pipeline_id)
        if not taken:
            return []
        deployed = await self._deployed.deployed(txn, list({each.pipeline_id for each in taken}))
        running = [
            (each.pipeline, each.component, Resource(each.protocol, each.host, each.port))
            for each in taken
            if each.pipeline_id in deployed and deployed[each.pipeline_id].revision == each.number
        ]
        return list(neighbour_clashes(resources, running))
