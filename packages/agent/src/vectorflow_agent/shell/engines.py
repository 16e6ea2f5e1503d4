"""The engine's program: which one, its version, how it is called. Vector and the embedded engine
take the same command line; what differs is in this module."""

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.core.failures import clean_lines
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell import processes
from vectorflow_agent.shell.confinement import Confinement
from vectorflow_agent.shell.disk import sha256_file
from vectorflow_wire.messages import EngineFacts, EngineKind

_log = logging.getLogger(__name__)
CHECK_TIMEOUT_SECONDS: Final = 60.0
_VERSION_TIMEOUT_SECONDS: Final = 30.0
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
_EMBEDDED: Final = "vectorflow-engine"
# Before 0.57 Vector puts environment variables into configurations unless told not to; later it knows no such name.
_NEVER_INTERPOLATE: Final = "VECTOR_DISABLE_ENV_VAR_INTERPOLATION"


class EngineMissing(Exception):
    """No engine was found; the message says where was looked and what to install or set."""


class Checked(msgspec.Struct, frozen=True):
    """What the engine's own validation said."""

    exit_code: int
    output: str


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's program on this machine."""

    facts: EngineFacts
    binary: str

    @property
    def embedded(self) -> bool:
        """Whether this is the embedded engine, which is for trying and testing."""
        return self.facts.kind == EngineKind.EMBEDDED

    def run_arguments(self, files: Sequence[Path], drain_seconds: float) -> list[str]:
        """Arguments to run configuration files, with the time a graceful end may take."""
        configs = [argument for file in files for argument in ("--config", str(file))]
        return [self.binary, *configs, "--graceful-shutdown-limit-secs", str(max(1, round(drain_seconds)))]

    def check_arguments(self, files: Sequence[Path]) -> list[str]:
        """Arguments to validate configuration files, with their components built but nobody called."""
        how = [] if self.embedded else ["--skip-healthchecks"]
        return [self.binary, "validate", *how, *(str(file) for file in files)]

    async def check(
        self,
        files: Sequence[Path],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        confinement: Confinement,
    ) -> Checked:
        """Let the engine validate configuration files. Raises OSError when nothing can be started."""
        process = processes.start(
            self.check_arguments(files),
            folder=folder,
            environment=environment,
            stdout=log,
            stderr=log,
            confinement=confinement,
        )
        return await _outcome(process, log, CHECK_TIMEOUT_SECONDS)

    async def runs_as(self, confinement: Confinement, folder: Path, log: Path) -> Checked:
        """Whether the program can be executed when confined like this. Raises OSError."""
        process = processes.start(
            [self.binary, "--version"],
            folder=folder,
            environment=clean_environment(os.environ, Policy()),
            stdout=log,
            stderr=log,
            confinement=confinement,
        )
        return await _outcome(process, log, _VERSION_TIMEOUT_SECONDS)


async def _outcome(process: processes.Process, log: Path, seconds: float) -> Checked:
    try:
        async with asyncio.timeout(seconds):
            code = await process.ended()
    except TimeoutError:
        return Checked(-1, f"it did not end within {seconds:.0f} s")
    finally:
        if process.alive():
            await process.stop(0)
    return Checked(-1 if code is None else code, processes.tail(log))


def clean_environment(environ: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """The environment engines get: a short list of names, and what the node's policy adds.

    Never the agent's own settings, among them the enrolment token; and in no version does Vector put
    any of it into a configuration.
    """
    names = {*_PASSED_ON, *policy.environment}
    passed = {
        name: value
        for name, value in environ.items()
        if name in names and not name.startswith(("VECTORFLOW_", "VECTOR_"))
    }
    return passed | {_NEVER_INTERPOLATE: "true"}


def engine_path(settings: Settings) -> tuple[str, str]:
    """Kind and path of the engine to use. Raises EngineMissing."""
    if settings.engine in {"auto", EngineKind.VECTOR}:
        vector = _program(settings.vector_bin or "vector")
        if vector:
            return EngineKind.VECTOR, vector
        if settings.engine == EngineKind.VECTOR or settings.vector_bin:
            raise EngineMissing(
                f"no Vector at {settings.vector_bin or 'vector (on PATH)'}: install it, set VECTOR_BIN, "
                "or set VECTORFLOW_ENGINE=embedded to try things without it"
            )
    beside = Path(sys.executable).with_name(_EMBEDDED)
    candidates = [settings.engine_bin] if settings.engine_bin else [str(beside), _EMBEDDED]
    for candidate in candidates:
        if program := _program(candidate):
            return EngineKind.EMBEDDED, program
    raise EngineMissing(
        f"no engine found (looked for {' and '.join(candidates)}): install Vector, or set VECTOR_BIN "
        "or VECTORFLOW_ENGINE_BIN"
    )


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that an update brought (`engine.json`); it outranks the one that was installed."""

    version: str
    digest: str
    program: str


async def engine_find(settings: Settings, chosen: Chosen | None = None) -> Engine:
    """Find the engine and ask for its version: the installed one where the chosen one is damaged. Raises EngineMissing."""
    if chosen is not None and settings.engine != EngineKind.EMBEDDED and _program(chosen.program):
        try:
            found = await engine_at(EngineKind.VECTOR, chosen.program)
            if chosen.digest in {"", found.facts.digest}:
                return found
            why = "its file is damaged"
        except EngineMissing as error:
            why = str(error)
        _log.error("Vector %s, which an update brought, is not used: %s", chosen.version, why)
    return await engine_at(*engine_path(settings))


async def engine_at(kind: str, binary: str) -> Engine:
    """The engine at this path, asked for its version. Raises EngineMissing."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=clean_environment(os.environ, Policy()),
        )
        async with asyncio.timeout(_VERSION_TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    except (OSError, TimeoutError) as error:
        raise EngineMissing(f"{binary} does not run: {error or 'no answer in time'}") from error
    first = next(iter(clean_lines(output.decode("utf-8", "replace"))), "")
    if process.returncode != 0:
        raise EngineMissing(f"{binary} --version failed: {first}")
    digest = "sha256:" + await asyncio.to_thread(sha256_file, Path(binary))
    return Engine(facts=EngineFacts(kind=kind, version=_version(first), digest=digest), binary=binary)


def _program(name: str) -> str:
    return shutil.which(name) or ""


def _version(line: str) -> str:
    words = line.split()
    return words[1] if len(words) > 1 else line
