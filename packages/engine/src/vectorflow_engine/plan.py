"""A configuration that is known to be good, before anything of it runs."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vectorflow_engine import catalogue
from vectorflow_engine.component import Context
from vectorflow_engine.config import graph
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.load import find, load
from vectorflow_engine.config.model import ComponentConfig, EngineConfig
from vectorflow_engine.metrics import Registry
from vectorflow_engine.vrl import WorkerVrlCompiler

DEFAULT_PATH = "/etc/vector/vector.yaml"
# Longer than the server's two seconds: one pipeline on one node may be larger, and nobody else waits.
_VRL_TIMEOUT = 5.0


class Plan(NamedTuple):
    """Configuration and its graph, checked."""

    config: EngineConfig
    graph: graph.Graph

    def context(self, component: ComponentConfig, registry: Registry) -> Context:
        """What a component of this plan may know."""
        settings = self.config.globals
        return Context(
            id=component.id,
            kind=component.kind,
            type=component.type,
            registry=registry,
            data_dir=settings.data_dir,
            timezone=settings.timezone,
            host=os.environ.get("HOSTNAME") or socket.gethostname(),
        )


def paths_of(patterns: Sequence[str], directories: Sequence[str]) -> list[Path]:
    """The files to read; Vector's default when none are named. Raises `ConfigError`."""
    return find(list(patterns) or ([] if directories else [DEFAULT_PATH]), directories)


def make(paths: Sequence[Path], *, resolve_secrets: bool = True) -> Plan:
    """Read and check everything that needs no sockets or folders; raises `ConfigError`.

    VRL is compiled in a worker first, so that a program that hangs or kills the compiler is refused by name.
    """
    config = load(paths, resolve_secrets=resolve_secrets)
    problems: list[str] = []
    for component in config.components.values():
        problems += _problems(component)
    if problems:
        raise ConfigError(*problems)
    plan = Plan(config, graph.resolve(config, catalogue.shape_of))
    problems += _vrl_problems(config)
    if problems:
        raise ConfigError(*problems)
    registry = Registry()
    for component in config.components.values():
        try:
            catalogue.build(component, plan.context(component, registry))
        except ConfigError as error:
            problems += error.messages
    if problems:
        raise ConfigError(*problems)
    return plan


def _problems(component: ComponentConfig) -> list[str]:
    try:
        catalogue.options_of(component)
        if component.kind == "sink":
            catalogue.buffer_of(component)
    except ConfigError as error:
        return error.messages
    return []


def _vrl_problems(config: EngineConfig) -> list[str]:
    uses = [(each, use) for each in config.components.values() for use in catalogue.vrl_of(each)]
    if not uses:
        return []
    problems = []
    with WorkerVrlCompiler(timeout=_VRL_TIMEOUT, service=False) as compiler:
        for component, use in uses:
            found = compiler.compile(use.source, kind=use.kind)
            if found:
                problems.append(catalogue.vrl_problem(component, use.option, found))
    return problems
