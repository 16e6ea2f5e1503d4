"""What is passed around in the library."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from vectorflow_topology.checks.policy import PolicyRule
from vectorflow_topology.document import Document, Variable

MOST_SCHEMA_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a schema and listing as they are stored, compressed."""

MOST_PLAIN_BYTES: Final = 64 * 1024 * 1024
MOST_SCHEMAS: Final = 64
"""Schemas kept for an organisation."""

MOST_OF_ONE_DIGEST: Final = 4
"""Different accounts of one program; more can only be lies."""

NODES_TO_CONFIRM: Final = 2
"""Nodes that must give the same account before it is believed without a person."""

BY_NODES: Final = "nodes"


class EngineSchemaRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a program says of itself, without its content. `rivals` gave another account of the same program."""

    id: UUID
    digest: bytes
    content_sha256: bytes
    version: str
    size: int
    first_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str
    nodes: int
    rivals: int


class KnownEngine(msgspec.Struct, frozen=True, kw_only=True):
    """The account that checks go by, of a program's digest."""

    id: UUID
    digest: bytes
    content_sha256: bytes
    version: str
    confirmed: bool


class Account(msgspec.Struct, frozen=True):
    """One account of a program, and whether a node gave it."""

    digest: bytes
    confirmed: bool
    nodes: int


MOST_POLICY_RULES: Final = 200


class PolicyRuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule about pipelines; without environments it holds in all of them."""

    id: UUID
    name: str
    rule: PolicyRule
    environments: list[str]
    version: int
    updated_at: datetime
    updated_by: str


MOST_TEMPLATES: Final = 200
MOST_TEMPLATE_BYTES: Final = 1024 * 1024
MOST_SNIPPETS: Final = 200


class NewTemplate(msgspec.Struct, frozen=True):
    """A pipeline to be kept as a template."""

    name: str
    summary: str
    document: Document


class TemplateRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline kept as a template, without its document; `types` are those of its components.

    Its variables are the parameters; only a list of templates has them.
    """

    id: UUID
    name: str
    summary: str
    types: list[str]
    component_count: int
    updated_at: datetime
    updated_by: str
    variables: dict[str, Variable] = {}


class KeptTemplate(msgspec.Struct, frozen=True):
    """A template that was kept, and the options that were left out of it because they held credentials."""

    row: TemplateRow
    removed: list[str]


class NewSnippet(msgspec.Struct, frozen=True):
    """A piece of VRL as it is to be kept."""

    name: str
    summary: str
    program: str


class SnippetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of VRL that the organisation keeps."""

    id: UUID
    name: str
    summary: str
    program: str
    version: int
    updated_by: str
