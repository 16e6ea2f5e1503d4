"""The commands on files, as the command line offers them."""

import importlib.metadata
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Never

import msgspec
import typer

from vectorflow.entry.files.compare import changes_text, compare
from vectorflow.entry.files.given import STDIN, Configuration, UnreadableFile, configurations
from vectorflow.entry.files.judge import judge, ordered
from vectorflow.entry.files.load import Loaded, Located, load
from vectorflow.entry.files.mermaid import as_mermaid
from vectorflow.entry.files.report import as_json, as_text, dump, err, out, printable, summary
from vectorflow.entry.files.rewrite import CannotFormat, formatted
from vectorflow.entry.files.sarif import as_sarif
from vectorflow.entry.files.svg import as_svg
from vectorflow.entry.files.unit_tests import TestsFormat, rendered, run_files
from vectorflow.entry.files.vrl import VersionedVrl
from vectorflow.entry.files.write import NotWritten, write_file
from vectorflow_engine.testing.sandbox import TestsStopped
from vectorflow_topology.checks.policy import PolicyRule
from vectorflow_topology.compiler import CompileFailed, Target, compile_document
from vectorflow_topology.compiler.types import version_key
from vectorflow_topology.findings import has_errors
from vectorflow_topology.importer import reimport
from vectorflow_topology.manifest import document_to_yaml

PROBLEMS, USAGE = 1, 2

NEWEST = Target().vector_version
Files = Annotated[
    list[str], typer.Argument(help="Files or folders; - is standard input.", show_default=False)
]
OneFile = Annotated[str, typer.Argument(help="A file or folder; - is standard input.", show_default=False)]
VectorVersion = Annotated[str, typer.Option(help="The version of Vector that is to run it.")]
Interpolation = Annotated[
    bool, typer.Option("--interpolation", help="Vector is told to put environment variables in.")
]
Apart = Annotated[
    bool, typer.Option("--apart", help="Take each of Vector's files as a configuration of its own.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of standard output.")]


class FindingsFormat(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


class DiffFormat(StrEnum):
    """How a difference is printed."""

    text = "text"
    json = "json"


class GraphFormat(StrEnum):
    """How a graph is drawn."""

    mermaid = "mermaid"
    svg = "svg"


def register(app: typer.Typer) -> None:
    """Add the commands on files to the command line."""
    app.command("check")(check_command)
    app.command("import")(import_command)
    app.command("export")(export_command)
    app.command("fmt")(fmt_command)
    app.command("diff")(diff_command)
    app.command("graph")(graph_command)
    app.command("test")(unit_tests_command)


def check_command(
    files: Files,
    *,
    vector_version: VectorVersion = NEWEST,
    interpolation: Interpolation = False,
    format: Annotated[FindingsFormat, typer.Option(help="How to print findings.")] = FindingsFormat.text,
    apart: Apart = False,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A YAML file with a list of the organisation's rules.")
    ] = None,
) -> None:
    """Check pipelines and Vector configurations, with their VRL; needs no server.

    Ends with 0 when nothing is wrong, 1 when there are errors, 2 when it could not be asked.
    """
    target = _target(vector_version, interpolation=interpolation)
    given = _given(files, apart=apart)
    rules = _rules(policy) if policy is not None else ()
    names = [file.name for configuration in given for file in configuration.files]
    with VersionedVrl(vector_version) as vrl:
        found = ordered(
            each for configuration in given for each in judge(load(configuration), target, vrl, rules)
        )
    if format is FindingsFormat.json:
        out(as_json(found, names))
    elif format is FindingsFormat.sarif:
        out(as_sarif(found, importlib.metadata.version("vectorflow")))
    else:
        out(as_text(found) + summary(found, len(names)))
    if has_errors(each.finding for each in found):
        raise typer.Exit(PROBLEMS)


def import_command(
    files: Files,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write pipelines to, a file each.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Replace pipelines that are there, but keep their layout.")
    ] = False,
) -> None:
    """Turn Vector configurations into pipelines, one for each part that hangs together."""
    loaded = [load(configuration) for configuration in _given(files)]
    _say([located for each in loaded for located in each.findings])
    if not all(each.is_readable for each in loaded):
        _fail("nothing was written; correct the errors and import again")
    parts = [part for each in loaded for part in each.parts]
    if output is None:
        if len(parts) != 1:
            _fail(f"these are {len(parts)} pipelines; name a folder for them with -o", USAGE)
        out(document_to_yaml(parts[0].document))
        return
    names = [part.name for part in parts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        _fail(f"two pipelines would be called {twice}; import their files one by one")
    for name, document in parts:
        path = output / f"{name}.yaml"
        if path.exists():
            if not update:
                _fail(f"{path} is there already; add --update to replace it and keep its layout")
            document = reimport(_only_document(str(path)).document, document)  # noqa: PLW2901 - the same pipeline
        _write(path, document_to_yaml(document))
        out(f"{printable(str(path))}\n")


def export_command(
    document: Annotated[
        str, typer.Argument(help="A pipeline's file; - is standard input.", show_default=False)
    ],
    vector_version: VectorVersion = NEWEST,
    interpolation: Interpolation = False,
    tests: Annotated[bool, typer.Option("--tests", help="Write the unit tests too.")] = False,
    output: Output = None,
) -> None:
    """Write a pipeline as Vector's own YAML, as nodes get it."""
    target = _target(vector_version, interpolation=interpolation, tests=tests)
    loaded = _only_document(document)
    try:
        compiled = compile_document(loaded.document, target)
    except CompileFailed as failed:
        _say([loaded.places.located(finding) for finding in failed.findings])
        _fail("it cannot be compiled; correct the errors above")
    _deliver(compiled.yaml.decode(), output)


def fmt_command(
    files: Files,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 when a file is not formatted.")
    ] = False,
) -> None:
    """Write files in one form: spacing and indentation, never their meaning or comments."""
    if STDIN in files and len(files) > 1:
        _fail("standard input cannot be formatted together with files", USAGE)
    problems = False
    for file in (file for configuration in _given(files) for file in configuration.files):
        if file.findings:
            _say([Located(file.name, finding) for finding in file.findings])
            problems = True
            continue
        try:
            made = formatted(file)
        except CannotFormat as problem:
            err(f"{printable(file.name)}: left as it is: {problem}.")
            problems = True
            continue
        is_changed = made.encode() != file.raw
        problems = problems or (check and is_changed)
        if STDIN in files and not check:
            out(made)
        elif is_changed:
            out(f"{printable(file.name)}\n")
            if not check:
                _write(Path(file.name), made)
    if problems:
        raise typer.Exit(PROBLEMS)


def diff_command(
    old: OneFile,
    new: OneFile,
    vector_version: VectorVersion = NEWEST,
    format: Annotated[DiffFormat, typer.Option(help="How to print what changed.")] = DiffFormat.text,
) -> None:
    """Compare two pipelines or Vector configurations, by meaning and by line.

    Ends with 0 when they mean the same, 1 when they differ, 2 when they cannot be compared.
    """
    target = _target(vector_version)
    if old == new == STDIN:
        _fail("only one of the two can be standard input", USAGE)
    before, after = (_readable(name, USAGE).document for name in (old, new))
    difference = compare(before, after, target)
    if format is DiffFormat.json:
        out(
            dump(
                {
                    "changes": [msgspec.to_builtins(each) for each in difference.changes],
                    "text": difference.text,
                }
            )
        )
    else:
        text = "".join(f"{printable(line)}\n" for line in difference.text.splitlines())
        out(changes_text(difference.changes) + (f"\n{text}" if text else ""))
        if not difference.compiled:
            err("The lines are those of the pipelines, because one of them does not compile.")
    if difference.changes:
        raise typer.Exit(PROBLEMS)


def graph_command(
    file: OneFile,
    format: Annotated[GraphFormat, typer.Option(help="How to draw.")] = GraphFormat.mermaid,
    output: Output = None,
) -> None:
    """Draw a pipeline or Vector configuration."""
    loaded = _readable(file, PROBLEMS)
    made = as_svg(loaded.document, loaded.name) if format is GraphFormat.svg else as_mermaid(loaded.document)
    _deliver(made, output)


def unit_tests_command(
    files: Files,
    *,
    format: Annotated[TestsFormat, typer.Option(help="How to print results.")] = TestsFormat.text,
    output: Output = None,
    seconds: Annotated[float, typer.Option(help="How long the tests of one file may take.", min=0.1)] = 60.0,
) -> None:
    """Run the unit tests of pipelines and Vector configurations with the embedded engine.

    Ends with 0 when all pass, 1 when one does not, 2 when they could not be run.
    """
    loaded = [load(configuration) for configuration in _given(files)]
    _say([located for each in loaded for located in each.findings if located.finding.severity == "error"])
    if not all(each.is_readable for each in loaded):
        _fail("the tests were not run; correct the errors first", USAGE)
    try:
        found = run_files(loaded, seconds)
    except TestsStopped as stopped:
        _fail(str(stopped), USAGE)
    _deliver(rendered(found, format), output)
    if not all(each.passed for each in found):
        raise typer.Exit(PROBLEMS)


def _target(vector_version: str, *, interpolation: bool = False, tests: bool = False) -> Target:
    try:
        version_key(vector_version)
    except ValueError:
        _fail(f"{printable(vector_version)} is not a version of Vector; write it like {NEWEST}", USAGE)
    # Without the option the version decides.
    return Target(vector_version=vector_version, interpolation=interpolation or None, tests=tests)


def _rules(path: Path) -> tuple[PolicyRule, ...]:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=tuple[PolicyRule, ...])
    except OSError as error:
        _fail(f"{printable(str(path))} cannot be read: {error.strerror}", USAGE)
    except (msgspec.MsgspecError, ValueError) as error:
        _fail(f"{printable(str(path))} is not a list of rules: {printable(str(error))}", USAGE)


def _given(names: Sequence[str], *, apart: bool = False) -> list[Configuration]:
    try:
        return configurations(names, apart=apart)
    except UnreadableFile as problem:
        _fail(str(problem), USAGE)


def _readable(name: str, code: int) -> Loaded:
    """One configuration, read without a loss; else its findings are said and the command ends with `code`."""
    given = _given([name])
    if len(given) > 1:
        _fail(f"{printable(name)} holds {len(given)} configurations; name one of its files", USAGE)
    loaded = load(given[0])
    if not loaded.is_readable:
        _say(loaded.findings)
        _fail(f"{printable(name)} cannot be read as a configuration", code)
    return loaded


def _only_document(name: str) -> Loaded:
    """A pipeline document; else the command ends."""
    loaded = _readable(name, PROBLEMS)
    if not loaded.is_document:
        _fail(f"{printable(name)} is not a pipeline's file; import it first", USAGE)
    return loaded


def _say(found: Sequence[Located]) -> None:
    for line in as_text(ordered(found)).splitlines():
        err(line)


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        out(text)
    else:
        _write(output, text)


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except NotWritten as problem:
        _fail(str(problem), USAGE)


def _fail(message: str, code: int = PROBLEMS) -> Never:
    err(f"vectorflow: {printable(message)}")
    raise typer.Exit(code)
