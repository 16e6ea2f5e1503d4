"""What the compiler takes and gives."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from vectorflow_topology.document import Kind
from vectorflow_topology.findings import FindingsError, Path
from vectorflow_topology.text.reader import Positions, read_yaml

SECTIONS: Mapping[Kind, str] = {"source": "sources", "transform": "transforms", "sink": "sinks"}
"""The root key of Vector's configuration for each kind of component."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


class CompileFailed(FindingsError):
    """The document cannot be turned into a configuration; the findings say why."""


def version_key(version: str) -> tuple[int, int, int]:
    """Return a version as numbers to compare. Raises ValueError when it is not one."""
    match = _VERSION.match(version)
    if match is None:
        raise ValueError(f"not a version of Vector: {version!r}")
    return int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)


class Target(msgspec.Struct, frozen=True):
    """What is compiled for: a version of Vector, and whether it interpolates the environment.

    `interpolation` is None where nobody told Vector: then its version decides. Agents always turn it
    off. With `tests` the document's unit tests are written too, which nodes have no use for.
    """

    vector_version: str = "0.57.0"
    interpolation: bool | None = None
    tests: bool = False

    @property
    def interpolates(self) -> bool:
        """Whether `$` has a meaning in the text: by default before Vector 0.57, later only when asked for."""
        if self.interpolation is not None:
            return self.interpolation
        return version_key(self.vector_version) < (0, 57, 0)


@dataclass(frozen=True)
class Compiled:
    """A configuration ready for a node.

    `sha256` is the hex digest of `yaml`. `secrets` are the names of the secrets used, `files` the
    digests of the files it refers to as `files/<sha256>`, `stores` the backends that the node's engine
    asks by itself, all sorted. A sensitive variable is the secret `var.<name>`, a private key `key.<name>.<version>`.
    """

    yaml: bytes
    sha256: str
    component_ids: tuple[str, ...]
    secrets: tuple[str, ...]
    files: tuple[str, ...]
    stores: tuple[str, ...] = ()

    @functools.cached_property
    def positions(self) -> Positions:
        """Where each value stands in `yaml`: a path from the root to line and column, from 1."""
        return read_yaml(self.yaml.decode()).positions

    def place_of(self, kind: Kind, component_id: str, path: Path) -> tuple[int, int] | None:
        """Return where an option of a component stands, or the nearest value around it that is written."""
        whole: Path = (SECTIONS[kind], component_id, *path)
        for length in range(len(whole), 1, -1):
            found = self.positions.get(whole[:length])
            if found is not None:
                return found
        return None


class Rendered(msgspec.Struct, frozen=True):
    """The configuration as values, before it is written; `inputs` are (component, port) per component."""

    config: dict[str, Any]
    inputs: dict[str, tuple[tuple[str, str], ...]]
    options: dict[str, dict[str, Any]]
    secrets: tuple[str, ...]
    files: tuple[str, ...]
    stores: tuple[str, ...] = ()
