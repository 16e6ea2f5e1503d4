"""What can go wrong with nodes, tokens and the agents' calls."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError, VectorFlowError


class NodeNotFound(NotFoundError, status=404, code="fleet.node-not-found"):
    """There is no such node in this environment."""


class EnrolmentTokenNotFound(NotFoundError, status=404, code="fleet.enrolment-token-not-found"):
    """There is no such enrolment token in this environment."""


class AlreadyRevoked(ConflictError, status=409, code="fleet.already-revoked"):
    """It was revoked before; nothing is left to do."""


class AgentTokenRefused(VectorFlowError, status=401, code="fleet.agent-token-refused"):
    """The token is not valid here: mistyped, revoked, or for another organisation's address."""


class EnrolmentRefused(VectorFlowError, status=403, code="fleet.enrolment-refused"):
    """The enrolment token has expired, was revoked or has no uses left; make a new one. None works while the organisation is suspended."""


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


class AddressNotAllowed(VectorFlowError, status=403, code="fleet.address-not-allowed"):
    """The enrolment token may not be used from this address; use one that allows it."""


class ProofRefused(VectorFlowError, status=403, code="fleet.proof-refused"):
    """The proof of being a known node does not hold: the nonce was used or is old, or another key signed it."""


class RotationRefused(VectorFlowError, status=403, code="fleet.rotation-refused"):
    """The claim for a new token is not signed by this node, or is not newer than the one before."""


class CloneSuspected(ConflictError, status=409, code="fleet.clone-suspected"):
    """Another machine goes on with this node's identity. Go on with what runs; a person has to decide."""


class NodeNotInState(ConflictError, status=409, code="fleet.node-not-in-state"):
    """The node's present state does not allow this."""


class SelectorInvalid(InvalidInputError, status=422, code="fleet.selector-invalid"):
    """The selector cannot be read. Write it as env=prod, region in (eu, us), !canary."""


class NodeGroupNotFound(NotFoundError, status=404, code="fleet.group-not-found"):
    """There is no such group of nodes in this environment."""


class NodeGroupNameTaken(ConflictError, status=409, code="fleet.group-name-taken"):
    """Another group of this environment has this name; choose another one."""


class NodeGroupInUse(ConflictError, status=409, code="fleet.group-in-use"):
    """A pipeline is deployed to this group; deploy it elsewhere or stop it first."""


class MaintenanceInvalid(InvalidInputError, status=422, code="fleet.maintenance-invalid"):
    """The time of maintenance cannot be used as it was sent."""


class DriftChanged(ConflictError, status=409, code="fleet.drift-changed"):
    """What you confirmed is not so any more; look at the differences again."""


class NodeInMaintenance(ConflictError, status=409, code="fleet.node-in-maintenance"):
    """A node among these is under maintenance; wait until that ends, or leave the node out."""


class ReleasesMissing(NotFoundError, status=404, code="fleet.releases-missing"):
    """No releases were imported into this server; an operator does that with `vectorflow release import`."""


class ReleasesRefused(InvalidInputError, status=400, code="fleet.releases-refused"):
    """The releases cannot be imported: the index or one of its files is not as it should be."""


class UpdatePlanNotFound(NotFoundError, status=404, code="fleet.update-not-found"):
    """There is no such update in this environment, or it has ended."""


class VersionNotListed(InvalidInputError, status=422, code="fleet.version-not-listed"):
    """The imported index of releases has no such version; choose one of those it lists."""
