"""``filter``, ``route`` and ``exclusive_route``: conditions decide where events go."""

from collections.abc import Mapping
from typing import Any

from vectorflow_engine.component import Context, Options, Transform
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.transforms.conditions import ConditionOption, VrlUse, condition, condition_use

UNMATCHED = "_unmatched"
_RESERVED = (UNMATCHED, DEFAULT_PORT)


class FilterOptions(Options, frozen=True):
    """Options of ``filter``."""

    condition: ConditionOption

    def vrl(self) -> list[VrlUse]:
        """What must compile."""
        return [condition_use("condition", self.condition)]


class Filter(Transform):
    """Keeps what satisfies the condition."""

    def __init__(self, context: Context, options: FilterOptions) -> None:
        super().__init__(context)
        self._condition = condition(options.condition)

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """What matches goes on; the rest is discarded on purpose."""
        kept = [event for event in events if self._condition(event)]
        self.meter.discarded(len(events) - len(kept), intentional=True)
        return {DEFAULT_PORT: kept}


class RouteOptions(Options, frozen=True):
    """Options of ``route``."""

    route: dict[str, ConditionOption]
    reroute_unmatched: bool = True

    def vrl(self) -> list[VrlUse]:
        """What must compile."""
        return [condition_use(f"route.{name}", each) for name, each in self.route.items()]

    @property
    def ports(self) -> tuple[str, ...]:
        """One per route, and ``_unmatched`` unless switched off."""
        _check_names(list(self.route))
        return (*self.route, UNMATCHED) if self.reroute_unmatched else tuple(self.route)


class Route(Transform):
    """Gives every route that matches its own copy."""

    def __init__(self, context: Context, options: RouteOptions) -> None:
        super().__init__(context)
        self._routes = [(name, condition(each)) for name, each in options.route.items()]
        self._reroute = options.reroute_unmatched

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """Events by route; what matches none goes to ``_unmatched`` or is discarded."""
        found: dict[str, list[Any]] = {name: [] for name, _ in self._routes}
        unmatched = []
        for event in events:
            hits = [name for name, check in self._routes if check(event)]
            for name in hits:
                found[name].append(event)
            if not hits:
                unmatched.append(event)
        if self._reroute:
            found[UNMATCHED] = unmatched
        else:
            self.meter.discarded(len(unmatched), intentional=True)
        return found


class NamedRoute(Options, frozen=True):
    """One entry of ``routes``."""

    name: str
    condition: ConditionOption


class ExclusiveRouteOptions(Options, frozen=True):
    """Options of ``exclusive_route``."""

    routes: list[NamedRoute]

    def vrl(self) -> list[VrlUse]:
        """What must compile."""
        return [
            condition_use(f"routes[{at}].condition", each.condition) for at, each in enumerate(self.routes)
        ]

    @property
    def ports(self) -> tuple[str, ...]:
        """One per route, and ``_unmatched`` always."""
        names = [route.name for route in self.routes]
        _check_names(names)
        return (*names, UNMATCHED)


class ExclusiveRoute(Transform):
    """Gives an event to the first route that matches."""

    def __init__(self, context: Context, options: ExclusiveRouteOptions) -> None:
        super().__init__(context)
        self._routes = [(each.name, condition(each.condition)) for each in options.routes]

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """Events by route, in order of the routes."""
        found: dict[str, list[Any]] = {name: [] for name, _ in self._routes}
        found[UNMATCHED] = []
        for event in events:
            found[next((name for name, check in self._routes if check(event)), UNMATCHED)].append(event)
        return found


def _check_names(names: list[str]) -> None:
    for name in names:
        if name in _RESERVED:
            raise ConfigError(f"the route name `{name}` is reserved")
        if "." in name or not name:
            raise ConfigError(f"the route name `{name}` may not be empty or hold a dot")
    if len(set(names)) < len(names):
        raise ConfigError("two routes have the same name")
