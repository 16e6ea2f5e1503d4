"""What a unit test says, and what came of it."""

from typing import Any, Literal

import msgspec

from vectorflow_engine.component import Options
from vectorflow_engine.transforms.conditions import ConditionOption

MAX_TESTS = 500
"""Tests in one configuration."""

MAX_EVENTS_SHOWN = 20
"""Events that a result shows of each output."""


class MetricValue(Options, frozen=True):
    """The value of a counter or gauge."""

    value: float


class MetricInput(Options, frozen=True):
    """A metric to put in."""

    name: str
    kind: Literal["absolute", "incremental"] = "absolute"
    namespace: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    timestamp: str | None = None
    counter: MetricValue | None = None
    gauge: MetricValue | None = None


class TestInput(Options, frozen=True):
    """An event and the transform that gets it."""

    __test__ = False  # pytest: the name is the subject, this is no test

    insert_at: str
    type: Literal["raw", "log", "vrl", "metric"] = "raw"
    value: str | None = None
    source: str | None = None
    log_fields: dict[str, Any] | None = None
    metric: MetricInput | None = None


class TestOutput(Options, frozen=True):
    """What must come out of a transform: one event for which every condition holds."""

    __test__ = False

    extract_from: str | list[str]
    conditions: list[ConditionOption] | None = None


class UnitTest(Options, frozen=True):
    """One test."""

    name: str
    input: TestInput | None = None
    inputs: list[TestInput] = msgspec.field(default_factory=list)
    outputs: list[TestOutput] = msgspec.field(default_factory=list)
    no_outputs_from: list[str] = msgspec.field(default_factory=list)


class Failure(msgspec.Struct, frozen=True):
    """One thing that is not as the test says; ``output`` and ``condition`` count from 0 within the test."""

    message: str
    output: int | None = None
    condition: int | None = None


class Extracted(msgspec.Struct, frozen=True):
    """What came out at one place that the test looks at; ``count`` may be more than the events shown."""

    source: str
    count: int
    events: list[Any]


class TestResult(msgspec.Struct, frozen=True):
    """``passed``, ``failed``, or ``error`` when the test could not be run at all."""

    __test__ = False

    name: str
    outcome: Literal["passed", "failed", "error"]
    failures: list[Failure] = []
    extracted: list[Extracted] = []
