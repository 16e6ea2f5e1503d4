"""Checking, compiling and importing, in threads of their own so that the event loop is never held up."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, ParamSpec, TypeVar

from vectorflow.pipelines.errors import CheckingBusy
from vectorflow.pipelines.types import Checked, ImportFormat
from vectorflow_topology.checks.engines import Engine, check_engines
from vectorflow_topology.checks.resources import document_resources
from vectorflow_topology.compiler import Compiled, CompileFailed, Target, compile_document, render
from vectorflow_topology.destinations import SecretUse, secret_uses
from vectorflow_topology.diff import Change, diff_documents
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding, ordered
from vectorflow_topology.importer import Imported, import_files, import_text, reimport
from vectorflow_topology.surroundings import Surroundings
from vectorflow_topology.vrl import VrlCompiler, VrlDiagnostic

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
MOST_WAITING = 64
VRL_SECONDS = 10.0


class Workbench:
    """A few threads with a bounded queue. `close` it when the process ends."""

    def __init__(self, vrl: VrlCompiler | None, target: Target | None = None) -> None:
        self._vrl = vrl
        self.target = target or Target(interpolation=False)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="workbench")
        self._waiting = 0

    def close(self) -> None:
        """End the threads; what waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(
        self,
        document: Document,
        engines: Sequence[Engine] = (),
        surroundings: Surroundings | None = None,
    ) -> Checked:
        """Return what is wrong with a document for each of the engines, and what it compiles to.

        Without engines it is checked for the target. Raises `CheckingBusy`.
        """
        return await self.run(self._check, document, engines, surroundings or Surroundings())

    async def uses(self, document: Document, surroundings: Surroundings) -> tuple[SecretUse, ...]:
        """Return where a document sends secrets, whether or not it compiles. Raises `CheckingBusy`."""
        return await self.run(self._uses, document, surroundings)

    async def import_text(
        self, text: str, text_format: ImportFormat, *, interpolates: bool = False
    ) -> Imported:
        """Return the documents that a configuration of Vector makes. Raises `CheckingBusy`."""
        return await self.run(import_text, text, text_format, written_for=_written_for(interpolates))

    async def import_files(
        self, files: Mapping[str, str], *, directory: bool, interpolates: bool
    ) -> Imported:
        """Return the documents that several files of one Vector make. Raises `CheckingBusy`."""
        return await self.run(
            import_files, files, directory=directory, written_for=_written_for(interpolates)
        )

    async def reimport(self, old: Document, new: Document) -> tuple[Document, tuple[Change, ...]]:
        """Return a new document with the layout of the old, and what differs. Raises `CheckingBusy`."""
        return await self.run(_reimported, old, new)

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Run a pure function in a thread. Raises `CheckingBusy` when too much waits already."""
        if self._waiting >= MOST_WAITING:
            raise CheckingBusy(headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: work(*arguments, **named))
        finally:
            self._waiting -= 1

    def _uses(self, document: Document, surroundings: Surroundings) -> tuple[SecretUse, ...]:
        rendered, _ = render(document, self.target, surroundings=surroundings)
        return secret_uses(document, rendered)

    def _check(self, document: Document, engines: Sequence[Engine], surroundings: Surroundings) -> Checked:
        vrl = _Budgeted(self._vrl) if self._vrl is not None else None
        wanted = engines or (Engine(target=self.target),)
        found = list(check_engines(document, wanted, vrl=vrl, surroundings=surroundings))
        compiled: Compiled | None = None
        try:
            compiled = compile_document(document, self.target, surroundings)
        except CompileFailed as failed:
            found.extend(each for each in failed.findings if not _told(each, found))
        return Checked(
            findings=tuple(ordered(found)),
            yaml=compiled.yaml if compiled else None,
            sha256=compiled.sha256 if compiled else None,
            secrets=compiled.secrets if compiled else (),
            resources=tuple(document_resources(document, self.target)),
            files=compiled.files if compiled else (),
            stores=compiled.stores if compiled else (),
            uses=self._uses(document, surroundings),
            surroundings=surroundings,
        )


class _Budgeted:
    """Bounds the time that all programs of one document take together, and compiles each once."""

    def __init__(self, vrl: VrlCompiler) -> None:
        self._vrl = vrl
        self._ends = time.monotonic() + VRL_SECONDS
        self._compiled: dict[tuple[str, str], list[VrlDiagnostic]] = {}

    def compile(self, program: str, *, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        """Compile one program while there is time."""
        said = self._compiled.get((kind, program))
        if said is None:
            said = self._compiled[kind, program] = self._compile(program, kind)
        return said

    def _compile(self, program: str, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        if time.monotonic() > self._ends:
            message = "This program was not compiled: the document's programs take too long to check."
            return [VrlDiagnostic(severity="error", message=message, code="timeout")]
        return self._vrl.compile(program, kind=kind)


def _written_for(interpolates: bool) -> Target | None:
    return Target(interpolation=True) if interpolates else None


def _told(finding: Finding, found: list[Finding]) -> bool:
    return any(
        (each.rule, each.component, each.path) == (finding.rule, finding.component, finding.path)
        for each in found
    )


def _reimported(old: Document, new: Document) -> tuple[Document, tuple[Change, ...]]:
    document = reimport(old, new)
    return document, tuple(diff_documents(old, document))
