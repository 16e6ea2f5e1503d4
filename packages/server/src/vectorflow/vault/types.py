"""What is passed around about secrets, variables, certificates, lookup files and stores."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from vectorflow_topology.destinations import SecretUse as PlacedUse
from vectorflow_topology.surroundings import RefKind

NAME_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
MOST_VALUE_BYTES = 65_536
MOST_DESCRIPTION = 500
DUE_DAYS = 14
"""How long before its end something counts as due."""

# Bus topic: a secret's value changed, so nodes that use it need it sealed anew. Holds `environment_id`, `secret_id`.
SECRET_TOPIC = "vault.secret"  # noqa: S105 - a topic

State = Literal["ok", "due", "expired"]
ApprovedHow = Literal["first-use", "re-entry", "second-person"]


class SecretUse(msgspec.Struct, frozen=True):
    """A pipeline whose draft or revisions refer to a secret, a variable, a certificate or a file."""

    pipeline_id: UUID
    name: str


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret may be used; an empty list allows everything.

    `types` are kinds and types of components (`sink:http`), `paths` options with dots, `hosts` patterns
    of host names (`*.example.com`).
    """

    types: list[str] = []
    paths: list[str] = []
    hosts: list[str] = []


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret lies that is not kept here: the store, the path in it, and the field of what lies there."""

    store_id: UUID
    path: str
    field: str = ""


class SecretSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed about a secret without touching its value."""

    description: str = ""
    expires_at: datetime | None = None
    rotate_days: int | None = None
    limits: Limits = Limits()


class Secret(msgspec.Struct, frozen=True):
    """A secret without its value. `version` grows with each new value."""

    id: UUID
    name: str
    version: int
    created_at: datetime
    updated_at: datetime
    description: str
    expires_at: datetime | None
    rotate_days: int | None
    allowed_types: list[str]
    allowed_paths: list[str]
    allowed_hosts: list[str]
    settings_version: int
    value_set_at: datetime
    state: State
    store_id: UUID | None
    store_path: str
    store_field: str

    @property
    def limits(self) -> Limits:
        """Where it may be used."""
        return Limits(types=self.allowed_types, paths=self.allowed_paths, hosts=self.allowed_hosts)


class SecretListed(msgspec.Struct, frozen=True):
    """A secret with the pipelines that use it."""

    secret: Secret
    used_by: list[SecretUse]


class VersionInfo(msgspec.Struct, frozen=True):
    """When a value was set, and by whom; never the value."""

    version: int
    created_at: datetime
    created_by: str


class SecretValue(msgspec.Struct, frozen=True):
    """A value on its way to nodes, for the signer alone. Its `repr` does not show the value.

    `stored` tells whether what is sealed of it may be stored for the next bundle; `file` whether the
    node needs it as a file.
    """

    name: str
    version_id: UUID
    version: int
    value: bytes
    stored: bool = True
    file: bool = False

    def __repr__(self) -> str:
        """Return the secret's name and version; a value must not end up in a log."""
        return f"SecretValue({self.name!r}, version={self.version})"


class LentValues(msgspec.Struct, frozen=True):
    """Values by name, and for each that cannot be had the reason, for people."""

    values: dict[str, SecretValue]
    failures: dict[str, str]


class Uses(msgspec.Struct, frozen=True):
    """What a draft or a revision refers to: (kind, name)."""

    names: frozenset[tuple[RefKind, str]] = frozenset()


class PipelineUses(msgspec.Struct, frozen=True):
    """Everything one pipeline refers to, as (kind, name), and where its draft sends secrets.

    `revised` tells that a revision was just made with what the environment lends now.
    """

    pipeline_id: UUID
    pipeline_name: str
    draft: frozenset[tuple[RefKind, str]]
    revisions: frozenset[tuple[RefKind, str]]
    places: tuple[PlacedUse, ...] = ()
    variables: frozenset[str] = frozenset()
    revised: bool = False


class Approval(msgspec.Struct, frozen=True):
    """A place where a secret was allowed to go."""

    id: UUID
    secret_name: str
    component_type: str
    option_path: str
    destination: str
    approved_how: ApprovedHow
    approved_by: str
    approved_at: datetime

    @property
    def place(self) -> "Place":
        """What was allowed."""
        return Place(self.secret_name, self.component_type, self.option_path, self.destination)


class Place(msgspec.Struct, frozen=True):
    """One way of a secret: its name, the component's kind and type, the option, and the hosts."""

    secret: str
    component_type: str
    option_path: str
    destination: str


class Waiting(msgspec.Struct, frozen=True):
    """A place that a draft uses and nobody approved; `changed_by` are those who had a hand in it."""

    secret_name: str
    component_type: str
    option_path: str
    destination: str
    pipeline_id: UUID
    pipeline_name: str
    changed_by: list[UUID]


class Refusal(msgspec.Struct, frozen=True):
    """Why a document may not use a secret as it does."""

    use: PlacedUse
    rule: str
    message: str
    fix: dict[str, str] | None = None


class Stale(msgspec.Struct, frozen=True):
    """Something that changed after the pipeline's latest revision was made of it."""

    kind: str
    name: str
