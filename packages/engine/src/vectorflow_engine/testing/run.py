"""Running unit tests: each with transforms of its own, so that none sees what another left behind."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from vectorflow_engine import catalogue
from vectorflow_engine.component import Context, Transform
from vectorflow_engine.config.errors import ConfigError, convert
from vectorflow_engine.config.graph import DEFAULT_PORT, Port
from vectorflow_engine.config.load import take_component
from vectorflow_engine.config.model import ComponentConfig
from vectorflow_engine.events import Metric, json_encoder
from vectorflow_engine.metrics import Registry
from vectorflow_engine.testing.inputs import event_of
from vectorflow_engine.testing.types import (
    MAX_EVENTS_SHOWN,
    MAX_TESTS,
    Extracted,
    Failure,
    TestOutput,
    TestResult,
    UnitTest,
)
from vectorflow_engine.transforms.conditions import condition_source, metric_view
from vectorflow_engine.vrl import Condition, VrlError, limits

_MAX_INSERTED = 1_000
_MAX_FLOWING = 100_000


def run_tests(config: Mapping[str, Any], *, service: bool = False) -> list[TestResult]:
    """Run the ``tests`` of a configuration that is read already; never raises for what it holds.

    ``service`` refuses programs that read the host.
    """
    tests = config.get("tests") or []
    if not isinstance(tests, list) or len(tests) > MAX_TESTS:
        why = f"`tests` must be a list of at most {MAX_TESTS} tests"
        return [TestResult("tests", "error", [Failure(why)])]
    transforms, problems = _transforms(config)
    runner = _Runner(transforms, str(config.get("timezone") or "") or None, service=service)
    return [_run(runner, raw, index, problems) for index, raw in enumerate(tests)]


def _run(runner: "_Runner", raw: Any, index: int, problems: list[str]) -> TestResult:
    name = raw.get("name") if isinstance(raw, dict) else None
    name = name if isinstance(name, str) else f"test {index + 1}"
    try:
        test = convert(raw, UnitTest, f"test `{name}`")
        if problems:
            raise ConfigError(*problems)
        return runner.run(test)
    except ConfigError as error:
        return TestResult(name, "error", [Failure(text) for text in error.messages])


def _transforms(config: Mapping[str, Any]) -> tuple[dict[str, ComponentConfig], list[str]]:
    found: dict[str, ComponentConfig] = {}
    section = config.get("transforms") or {}
    if not isinstance(section, dict):
        return {}, ["`transforms` must be a table"]
    problems = [
        each for name, table in section.items() for each in take_component(found, name, "transform", table)
    ]
    return found, problems


class _Runner:
    """Knows the transforms; makes those that a test needs anew for each test."""

    def __init__(
        self, transforms: dict[str, ComponentConfig], timezone: str | None, *, service: bool
    ) -> None:
        self._transforms = transforms
        self._timezone = timezone
        self._service = service

    def run(self, test: UnitTest) -> TestResult:
        """Run one test; raises `ConfigError` when it cannot be."""
        inputs = [*([test.input] if test.input else []), *test.inputs]
        if not inputs or len(inputs) > _MAX_INSERTED:
            raise ConfigError(f"a test puts in 1 to {_MAX_INSERTED} events; this one has {len(inputs)}")
        if not test.outputs and not test.no_outputs_from:
            raise ConfigError("a test says what comes out: `outputs`, or `no_outputs_from`")
        starts = [each.insert_at for each in inputs]
        ends = [_component(name) for name in self._ends(test)]
        flow = _Flow(self._path(starts, ends), self)
        for each in inputs:
            flow.insert(each.insert_at, event_of(each, service=self._service))
        failures = [*self._failures(test, flow), *_unwanted(test, flow)]
        extracted = [_shown(name, flow.seen(name)) for name in dict.fromkeys(self._ends(test))]
        return TestResult(test.name, "failed" if failures else "passed", failures, extracted)

    def make(self, name: str) -> Transform:
        """Make a transform; raises `ConfigError`."""
        component = self._transforms[name]
        if self._service:
            for use in catalogue.vrl_of(component):
                found = limits.check(use.source, kind=use.kind, service=True)
                if found:
                    raise ConfigError(catalogue.vrl_problem(component, use.option, found))
        context = Context(name, "transform", component.type, Registry(), "/nonexistent", self._timezone)
        made = catalogue.build(component, context)
        assert isinstance(made, Transform)  # noqa: S101 - of its kind
        return made

    def consumers(self, port: Port, among: Sequence[str]) -> list[str]:
        """The transforms that a port feeds."""
        text = str(port)
        return [
            name
            for name in among
            if name != port.component
            and any(text == each or fnmatchcase(text, each) for each in self._transforms[name].inputs)
        ]

    def accepts(self, name: str, *, metric: bool) -> bool:
        """Whether a transform takes this kind of event."""
        return ("metric" if metric else "log") in catalogue.spec_of(self._transforms[name]).accepts

    def _ends(self, test: UnitTest) -> list[str]:
        return [*(name for each in test.outputs for name in _names(each)), *test.no_outputs_from]

    def _path(self, starts: list[str], ends: list[str]) -> list[str]:
        """What lies between: everything else need not be known to this engine."""
        for name in (*starts, *ends):
            if name not in self._transforms:
                raise ConfigError(f"there is no transform `{name}`; tests reach transforms only")
        feeds: dict[str, set[str]] = {name: set() for name in self._transforms}
        for name, component in self._transforms.items():
            for above in self._transforms:
                if above != name and any(
                    text == above or text.startswith(f"{above}.") or fnmatchcase(above, text)
                    for text in component.inputs
                ):
                    feeds[above].add(name)
        back: dict[str, set[str]] = {name: set() for name in feeds}
        for above, below in feeds.items():
            for name in below:
                back[name].add(above)
        reached, wanted = _reached(starts, feeds), _reached(ends, back)
        return [name for name in self._transforms if name in reached and name in wanted]

    def _failures(self, test: UnitTest, flow: "_Flow") -> Iterator[Failure]:
        for index, output in enumerate(test.outputs):
            events = [event for name in _names(output) for event in flow.seen(name)]
            if not events:
                yield Failure(f"nothing came out of {_listed(_names(output))}", index)
                continue
            yield from self._judged(index, output, events)

    def _judged(self, index: int, output: TestOutput, events: list[Any]) -> list[Failure]:
        conditions = [self._condition(each) for each in output.conditions or []]
        best: list[Failure] | None = None
        for event in events:
            view = metric_view(event) if isinstance(event, Metric) else event
            found = [
                Failure(why, index, at)
                for at, each in enumerate(conditions)
                if (why := each.why_not(view)) is not None
            ]
            if not found:
                return []
            # Of several events that all fail, the one that comes nearest says most.
            if best is None or len(found) < len(best):
                best = found
        return best or []

    def _condition(self, option: Any) -> Condition:
        try:
            return Condition(condition_source(option), service=self._service)
        except VrlError as error:
            lines = [f"line {each.line}, column {each.column}: {each.message}" for each in error.diagnostics]
            raise ConfigError("a condition does not compile: " + "; ".join(lines)) from None


class _Flow:
    """Events on their way through the transforms of one test, and what each port gave."""

    def __init__(self, names: list[str], runner: _Runner) -> None:
        self._runner, self._names = runner, names
        self._made = {name: runner.make(name) for name in names}
        self._seen: dict[str, list[Any]] = {}
        self._flowing = 0

    def insert(self, name: str, event: Any) -> None:
        """Put an event into a transform and let it flow; raises `ConfigError` when it multiplies without end."""
        waiting: list[tuple[str, list[Any]]] = [(name, [event])] if name in self._made else []
        while waiting:
            at, events = waiting.pop(0)
            metric = isinstance(events[0], Metric)
            if not self._runner.accepts(at, metric=metric):
                continue
            for port, given in self._made[at].process(events, metric=metric).items():
                if not given:
                    continue
                self._flowing += len(given)
                if self._flowing > _MAX_FLOWING:
                    raise ConfigError(f"more than {_MAX_FLOWING} events flow; is there a cycle?")
                self._seen.setdefault(str(Port(at, port)), []).extend(given)
                waiting += [(below, given) for below in self._runner.consumers(Port(at, port), self._names)]

    def seen(self, name: str) -> list[Any]:
        """The events that came out of a transform's default port, or of `transform.port`."""
        return self._seen.get(name.removesuffix(f".{DEFAULT_PORT}"), [])


def _unwanted(test: UnitTest, flow: _Flow) -> Iterator[Failure]:
    for name in test.no_outputs_from:
        count = len(flow.seen(name))
        if count:
            yield Failure(
                f"{count} event{'s' if count > 1 else ''} came out of `{name}`, from which nothing should"
            )


def _reached(starts: Sequence[str], edges: Mapping[str, set[str]]) -> set[str]:
    found, stack = set(starts), list(starts)
    while stack:
        for name in edges[stack.pop()] - found:
            found.add(name)
            stack.append(name)
    return found


def _names(output: TestOutput) -> list[str]:
    return [output.extract_from] if isinstance(output.extract_from, str) else output.extract_from


def _component(name: str) -> str:
    return name.partition(".")[0]


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(name: str, events: list[Any]) -> Extracted:
    plain: list[Any] = []
    for event in events[:MAX_EVENTS_SHOWN]:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            shown = event.document() if isinstance(event, Metric) else event
            plain.append(msgspec.json.decode(json_encoder.encode(shown)))
    return Extracted(name, len(events), plain)
