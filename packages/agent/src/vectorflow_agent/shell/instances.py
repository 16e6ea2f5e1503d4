"""One engine process on disk: the record of it, where its files lie, and the configuration that only this node knows."""

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import PipelineLayout
from vectorflow_agent.shell.processes import Process
from vectorflow_agent.shell.secrets import BACKEND
from vectorflow_wire.bundles import BundlePipeline


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One engine process on disk (`engine.json` of its folder). `pid` 0: not yet written down."""

    instance: int
    spec: BundlePipeline
    api_port: int
    metrics_port: int
    pid: int = 0
    started: str = ""
    started_at: int = 0
    ends_at: float = 0.0
    """Till when it may drain, as `Process.ends_at`; written down before it is told to end."""
    scrubbed: bool = False
    """Its sealed secrets were removed from the record, so that nobody can tell any more what its lines must not hold."""


class Found(msgspec.Struct, frozen=True):
    """A running engine and what is written down about it."""

    record: Instance
    process: Process


class Places(msgspec.Struct, frozen=True):
    """Where one instance's files lie."""

    layout: PipelineLayout
    runtime: Path
    instance: int

    @property
    def folder(self) -> Path:
        """The instance's folder."""
        return self.layout.instance(self.instance)

    @property
    def configuration(self) -> Path:
        """The compiled configuration this process reads."""
        return self.folder / "pipeline.yaml"

    @property
    def node_configuration(self) -> Path:
        """What only this node knows: data folder, ports, secrets folder."""
        return self.folder / "node.yaml"

    @property
    def record(self) -> Path:
        """The instance as a later agent finds it."""
        return self.folder / "engine.json"

    @property
    def log(self) -> Path:
        """The engine's own words."""
        return self.folder / "engine.log"

    @property
    def output(self) -> Path:
        """What console sinks print: events, so it never goes into a report."""
        return self.folder / "output.log"

    @property
    def secrets(self) -> Path:
        """Opened secrets of this instance."""
        return self.runtime / str(self.instance)

    @property
    def trial(self) -> Path:
        """What the engine's validation reads and says: with secrets in it, so it lies in memory."""
        return self.runtime / f"{self.instance}-trial"


def places(context: Context, pipeline: str, instance: int) -> Places:
    """Where an instance of a pipeline lies."""
    return Places(context.layout.pipeline(pipeline), context.runtime / pipeline, instance)


def numbers(layout: PipelineLayout) -> list[int]:
    """The numbers of the engines that a pipeline has folders of, in order."""
    if not layout.instances.is_dir():
        return []
    return sorted(int(path.name) for path in layout.instances.iterdir() if path.name.isdigit())


def last_ports(layout: PipelineLayout) -> tuple[int, int]:
    """The ports that this pipeline's engine had last, to be had again if they are free; else zeroes."""
    for number in reversed(numbers(layout)):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            record = msgspec.json.decode(
                (layout.instance(number) / "engine.json").read_bytes(), type=Instance
            )
            return record.api_port, record.metrics_port
    return 0, 0


def node_configuration(at: Places, made: Instance) -> dict[str, Any]:
    """The second configuration file: JSON, which is YAML too."""
    return {
        "data_dir": str(at.layout.data),
        "api": {"enabled": True, "address": f"127.0.0.1:{made.api_port}"},
        "secret": {
            **{store.name: {**store.options, "type": store.type} for store in made.spec.stores},
            BACKEND: {"type": "directory", "path": str(at.secrets)},
        },
        "sources": {"vf_metrics": {"type": "internal_metrics", "scrape_interval_secs": 1}},
        "sinks": {
            "vf_exporter": {
                "type": "prometheus_exporter",
                "inputs": ["vf_metrics"],
                "address": f"127.0.0.1:{made.metrics_port}",
            }
        },
    }
