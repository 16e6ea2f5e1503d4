"""What can go wrong with nodes, tokens and the agents' calls."""

from vectorflow.kernel.errors import ConflictError, NotFoundError, VectorFlowError


class NodeNotFound(NotFoundError, status=404, code="fleet.node-not-found"):
    """There is no such node in this environment."""


class EnrolmentTokenNotFound(NotFoundError, status=404, code="fleet.enrolment-token-not-found"):
    """There is no such enrolment token in this environment."""


class AlreadyRevoked(ConflictError, status=409, code="fleet.already-revoked"):
    """It was revoked before; nothing is left to do."""


class AgentTokenRefused(VectorFlowError, status=401, code="fleet.agent-token-refused"):
    """The token is not valid here: mistyped, revoked, or for another organisation's address."""


class EnrolmentRefused(VectorFlowError, status=403, code="fleet.enrolment-refused"):
    """The enrolment token has expired, was revoked or has no uses left; make a new one."""


class AgentRequestInvalid(VectorFlowError, status=400, code="fleet.agent-request-invalid"):
    """The agent's request cannot be read; agent and server may be too far apart in version."""


class BundlePending(VectorFlowError, status=503, code="fleet.bundle-pending"):
    """What this node should run is being prepared; ask again in a second."""


class FileNotNamed(VectorFlowError, status=404, code="fleet.file-not-named"):
    """The node's present bundle names no such file."""


class GatewayBusy(VectorFlowError, status=429, code="fleet.gateway-busy"):
    """The gateway holds as much as it can; send it again after Retry-After seconds."""


class NodeNotTellable(ConflictError, status=409, code="fleet.node-not-tellable"):
    """This node takes no orders: it was not admitted, was revoked, or has left."""


class StatementsWaiting(ConflictError, status=409, code="fleet.statements-waiting"):
    """Too many orders wait for this node's answer already; wait until it is heard again."""
