"""What can go wrong in the library."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class EngineSchemaNotFound(NotFoundError, status=404, code="library.engine-schema-not-found"):
    """There is no such engine schema, or you may not know of it."""


class EngineSchemaRefused(InvalidInputError, status=422, code="library.engine-schema-refused"):
    """What the engine says of itself cannot be used; send what generate-schema and list print."""


class TooManyEngineSchemas(ConflictError, status=409, code="library.too-many-engine-schemas"):
    """No more engine schemas are kept for this organisation. Delete those of engines that no node has any more."""


class PolicyRuleNotFound(NotFoundError, status=404, code="library.policy-rule-not-found"):
    """There is no such rule, or you may not know of it."""


class PolicyRuleNameTaken(ConflictError, status=409, code="library.policy-rule-name-taken"):
    """There is a rule of this name already. Change that one, or choose another name."""


class PolicyRuleInvalid(InvalidInputError, status=422, code="library.policy-rule-invalid"):
    """The rule cannot be kept as it was sent."""


class TooManyPolicyRules(ConflictError, status=409, code="library.too-many-policy-rules"):
    """No more rules are kept for this organisation. Put several values into one rule."""
