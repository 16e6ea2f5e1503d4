"""The bus topics of this room: ids and versions, never data."""

from typing import Final

ASSIGNMENTS: Final = "fleet.assignments"
"""What nodes of the organisation should run has changed; the signer looks.

`statements`: true when statements to nodes wait for it too. `nodes`: only these, since they have enrolled; they wait up
to a second for others.
"""

DESIRED: Final = "fleet.desired"
"""`nodes`: node id → `<generation>.<issue>` of bundles that were signed; gateways tell the nodes."""

NODE: Final = "fleet.node"
"""`node_id`: the node or its tokens changed (revoked, enrolled again); caches and streams let go of it."""

NODES: Final = "fleet.nodes"
"""`environment_id`: something about the environment's nodes changed, for those who look at the list."""

STATEMENTS: Final = "fleet.statements"
"""`node_ids`: statements to these nodes were signed, answered or withdrawn; gateways and pages look."""

REPORTS: Final = "fleet.reports"
"""`pipeline_ids`: nodes have reported on these pipelines."""

HINTS_PER_MESSAGE: Final = 100
"""A bus message holds at most 8,000 bytes."""
