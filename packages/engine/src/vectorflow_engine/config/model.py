"""Configuration as the engine sees it: globals and components, options still a plain table."""

from typing import Any, Literal

import msgspec

ComponentKind = Literal["source", "transform", "sink"]
KINDS: tuple[ComponentKind, ...] = ("source", "transform", "sink")


class AckTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``acknowledgements``: whether sources wait for what sinks have finished."""

    enabled: bool | None = None


class ApiTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``api``: the health endpoint."""

    enabled: bool = False
    address: str = "127.0.0.1:8686"


class HealthchecksTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``healthchecks``: accepted; the embedded engine's sinks have none."""

    enabled: bool = True
    require_healthy: bool = False


class Globals(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What holds for every component and cannot change by a reload."""

    data_dir: str = "/var/lib/vector/"
    timezone: str | None = None
    acknowledgements: bool | AckTable = AckTable()
    wildcard_matching: Literal["strict", "relaxed"] = "strict"
    expire_metrics_secs: float | None = None

    @property
    def acknowledge(self) -> bool:
        """Whether sinks acknowledge that do not say so themselves."""
        table = self.acknowledgements
        return table if isinstance(table, bool) else bool(table.enabled)


class ComponentConfig(msgspec.Struct, frozen=True):
    """One component: what it is, what feeds it, and its own options (common ones taken out)."""

    id: str
    kind: ComponentKind
    type: str
    options: dict[str, Any]
    inputs: tuple[str, ...] = ()
    common: dict[str, Any] = {}

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.kind.capitalize()} `{self.id}` (type `{self.type}`)"


class EngineConfig(msgspec.Struct, frozen=True):
    """Everything that was in the files."""

    globals: Globals
    api: ApiTable
    components: dict[str, ComponentConfig]
    secrets: tuple[str, ...] = ()

    def of(self, kind: ComponentKind) -> list[ComponentConfig]:
        """The components of one kind."""
        return [each for each in self.components.values() if each.kind == kind]
