"""What can go wrong in the library."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class EngineSchemaNotFound(NotFoundError, status=404, code="library.engine-schema-not-found"):
    """There is no such engine schema, or you may not know of it."""


class EngineSchemaRefused(InvalidInputError, status=422, code="library.engine-schema-refused"):
    """What the engine says of itself cannot be used; send what generate-schema and list print."""


class TooManyEngineSchemas(ConflictError, status=409, code="library.too-many-engine-schemas"):
    """No more engine schemas are kept for this organisation. Delete those of engines that no node has any more."""
