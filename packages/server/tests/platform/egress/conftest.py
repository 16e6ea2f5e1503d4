"""A resolver that answers by script, an audit that remembers, and egress on both of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from packages.server.tests.platform.egress.certificates import Authority
from packages.server.tests.platform.egress.guard import egress_guard, strict_egress_guard
from prometheus_client import CollectorRegistry

from vectorflow.platform.egress.addresses import Address
from vectorflow.platform.egress.policy import AllowRule, EgressLimits, EgressPolicy
from vectorflow.platform.egress.record import EgressMetrics, EgressRecord, Outcome
from vectorflow.platform.egress.service import Egress

__all__ = ["egress_guard", "strict_egress_guard"]


class ScriptedResolver:
    """Answers each name with its script, one answer after the other; the last one stays."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []
        self.delay = 0.0

    def set(self, host: str, *answers: Sequence[str]) -> None:
        self.scripts[host] = list(answers)

    async def resolve(self, host: str) -> list[Address]:
        self.asked.append(host)
        await asyncio.sleep(self.delay)
        script = self.scripts.get(host)
        if not script:
            raise OSError("no such name")
        return [ip_address(text) for text in (script.pop(0) if len(script) > 1 else script[0])]

    async def aclose(self) -> None:
        pass


class RememberingAudit:
    """Keeps what it is told; refuses to when `broken`."""

    def __init__(self) -> None:
        self.started: list[EgressRecord] = []
        self.finished: list[tuple[EgressRecord, Outcome]] = []
        self.broken = False

    async def egress_started(self, record: EgressRecord) -> None:
        if self.broken:
            raise RuntimeError("the log cannot be written")
        self.started.append(record)

    async def egress_finished(self, record: EgressRecord, outcome: Outcome) -> None:
        if self.broken:
            raise RuntimeError("the log cannot be written")
        self.finished.append((record, outcome))

    async def egress_closed(self) -> None:
        pass


class Bench:
    """An `Egress` with all that it was made from."""

    def __init__(self, policy: EgressPolicy, resolver: ScriptedResolver) -> None:
        self.registry = CollectorRegistry()
        self.audit = RememberingAudit()
        self.resolver = resolver
        self.egress = Egress(
            policy, audit=self.audit, metrics=EgressMetrics(self.registry), resolver=resolver
        )

    def calls(self, kind: str, outcome: str) -> float:
        labels = {"kind": kind, "outcome": outcome}
        return self.registry.get_sample_value("vectorflow_egress_calls_total", labels) or 0


LIMITS = EgressLimits(resolve_seconds=1, connect_seconds=2, total_seconds=5, max_response_bytes=100_000)
BenchMaker = Callable[..., Bench]


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("trusted") / "ca.pem"
    path.write_text(authority.pem)
    return path


@pytest.fixture
def resolver() -> ScriptedResolver:
    return ScriptedResolver()


@pytest.fixture
async def make(resolver, ca_file) -> AsyncIterator[BenchMaker]:
    """Make egress whose operator allows what is named; the test's authority is trusted."""
    made = []

    def build(*allow: str, **settings) -> Bench:
        settings.setdefault("limits", LIMITS)
        settings.setdefault("ca_file", ca_file)
        policy = EgressPolicy(allow=tuple(map(AllowRule.parse, allow)), **settings)
        made.append(Bench(policy, resolver))
        return made[-1]

    yield build
    for bench in made:
        await bench.egress.aclose()
