"""What can go wrong with rollouts."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class RolloutNotFound(NotFoundError, status=404, code="delivery.rollout-not-found"):
    """There is no such rollout here, or you may not know of it."""


class RolloutUnderWay(ConflictError, status=409, code="delivery.rollout-under-way"):
    """Another rollout of this pipeline is under way. Wait until it is done, or cancel it."""


class RolloutNotInState(ConflictError, status=409, code="delivery.rollout-not-in-state"):
    """The rollout's present state does not allow this."""


class NothingToRollBackTo(ConflictError, status=409, code="delivery.nothing-to-roll-back-to"):
    """Nothing was deployed before this rollout. Stop the pipeline instead."""


class NotDeployed(ConflictError, status=409, code="delivery.not-deployed"):
    """This pipeline is on no node, so there is nothing to stop."""


class RolloutInvalid(InvalidInputError, status=422, code="delivery.rollout-invalid"):
    """The rollout cannot be started as it was sent."""


class TopicUnknown(NotFoundError, status=404, code="delivery.topic-unknown"):
    """There is no such topic, or you may not know of it."""
