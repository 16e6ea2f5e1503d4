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


class TemplateNotFound(NotFoundError, status=404, code="library.template-not-found"):
    """There is no such template, or you may not know of it."""


class TemplateNameTaken(ConflictError, status=409, code="library.template-name-taken"):
    """There is a template of this name already. Choose another name, or delete that one first."""


class TemplateInvalid(InvalidInputError, status=422, code="library.template-invalid"):
    """The template cannot be kept or used as it was sent."""


class TooManyTemplates(ConflictError, status=409, code="library.too-many-templates"):
    """No more templates are kept for this organisation. Delete those that nobody uses."""


class SnippetNotFound(NotFoundError, status=404, code="library.snippet-not-found"):
    """There is no such snippet, or you may not know of it."""


class SnippetNameTaken(ConflictError, status=409, code="library.snippet-name-taken"):
    """There is a snippet of this name already. Choose another name, or delete that one first."""


class SnippetInvalid(InvalidInputError, status=422, code="library.snippet-invalid"):
    """The snippet cannot be kept as it was sent."""


class TooManySnippets(ConflictError, status=409, code="library.too-many-snippets"):
    """No more snippets are kept for this organisation. Delete those that nobody uses."""
