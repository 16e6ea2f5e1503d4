"""What is passed around about secrets."""

from datetime import datetime
from uuid import UUID

import msgspec

NAME_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
MOST_VALUE_BYTES = 65_536

# Bus topic: a secret's value changed, so nodes that use it need it sealed anew. Holds `environment_id`, `secret_id`.
SECRET_TOPIC = "vault.secret"  # noqa: S105 - a topic


class SecretUse(msgspec.Struct, frozen=True):
    """A pipeline whose draft or revisions refer to a secret."""

    pipeline_id: UUID
    name: str


class Secret(msgspec.Struct, frozen=True):
    """A secret without its value. `version` grows with each new value."""

    id: UUID
    name: str
    version: int
    created_at: datetime
    updated_at: datetime


class SecretListed(msgspec.Struct, frozen=True):
    """A secret with the pipelines that use it."""

    secret: Secret
    used_by: list[SecretUse]


class SecretValue(msgspec.Struct, frozen=True):
    """A secret's present value, for the signer alone. Its `repr` does not show the value."""

    name: str
    version_id: UUID
    version: int
    value: bytes

    def __repr__(self) -> str:
        """Return the secret's name and version; a value must not end up in a log."""
        return f"SecretValue({self.name!r}, version={self.version})"


class PipelineUses(msgspec.Struct, frozen=True):
    """Everything one pipeline refers to: the names in its draft, and those in its revisions."""

    pipeline_id: UUID
    pipeline_name: str
    draft: frozenset[str]
    revisions: frozenset[str]
