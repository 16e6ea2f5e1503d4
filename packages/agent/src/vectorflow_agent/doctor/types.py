"""What the doctor says: facts that are so, and findings that need somebody."""

from typing import Final

import msgspec


class Severity:
    """How bad a finding is. Only errors make the command end with 1."""

    ERROR: Final = "error"
    WARNING: Final = "warning"
    NOTE: Final = "note"


class Kind(msgspec.Struct, frozen=True):
    """A kind of finding: the same for the command and for the page about it."""

    severity: str
    means: str
    do: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong here. `detail` says where and how; `means` and `do` are its kind's."""

    id: str
    severity: str
    detail: str
    means: str
    do: str


class Fact(msgspec.Struct, frozen=True):
    """One thing that is so: `topic` groups, `text` is for a person."""

    topic: str
    text: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the doctor says, also as JSON."""

    at: int
    """Epoch ms by this machine's clock."""
    version: str
    healthy: bool
    """No finding is an error."""
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
