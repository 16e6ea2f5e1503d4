"""The ``vectorflow-engine`` command, with Vector's flags and exit codes."""

import argparse
import asyncio
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from vectorflow_engine import __version__, judging, log, plan
from vectorflow_engine.component import StartError
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.load import tests_config
from vectorflow_engine.engine import EXIT_CONFIG, Engine
from vectorflow_engine.testing.run import run_tests

_RULE = "-" * 36


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vectorflow-engine",
        description="Runs a practical subset of Vector's configuration, for trying, testing and simulating.",
    )
    parser.add_argument("--version", action="version", version=f"vectorflow-engine {__version__} (embedded)")
    parser.add_argument("-c", "--config", action="append", default=[], metavar="FILE")
    parser.add_argument("-C", "--config-dir", action="append", default=[], metavar="DIR")
    parser.add_argument("--graceful-shutdown-limit-secs", type=_positive, default=60, metavar="SECONDS")
    parser.add_argument("--no-graceful-shutdown-limit", action="store_true")
    parser.add_argument("--memory-limit", type=_positive, metavar="BYTES", help="ceiling of address space")
    parser.add_argument("-v", "--verbose", action="count", default=0)
    parser.add_argument("-q", "--quiet", action="count", default=0)
    # Vector's flags that change nothing here, so that one command line serves both.
    parser.add_argument("-r", "--require-healthy", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("-t", "--threads", type=_positive, help=argparse.SUPPRESS)
    parser.add_argument("--color", choices=("auto", "always", "never"), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="[validate]")
    validate = commands.add_parser("validate", help="check configuration files and exit")
    validate.add_argument("paths", nargs="*", metavar="FILE")
    validate.add_argument(
        "-C", "--config-dir", action="append", default=[], dest="directories", metavar="DIR"
    )
    validate.add_argument("--no-environment", action="store_true")
    validate.add_argument("--skip-healthchecks", action="store_true", help=argparse.SUPPRESS)
    validate.add_argument("-d", "--deny-warnings", action="store_true")
    test = commands.add_parser("test", help="run the unit tests in configuration files and exit")
    test.add_argument("paths", nargs="*", metavar="FILE")
    test.add_argument("-C", "--config-dir", action="append", default=[], dest="directories", metavar="DIR")
    commands.add_parser("judge", help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the command; ends the process."""
    options = _parser().parse_args(arguments)
    code = {"validate": validate, "test": test, "judge": judge}.get(options.command, run)(options)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a thread that waits for a pipe nobody serves must not keep the process.
    os._exit(code)


def run(options: argparse.Namespace) -> int:
    """Run until finished or told to stop; gives the exit code."""
    log.start([logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL][min(options.quiet, 3)])
    if options.memory_limit:
        resource.setrlimit(resource.RLIMIT_AS, (options.memory_limit, options.memory_limit))
    patterns = [part for each in options.config for part in each.split(",") if part]
    try:
        paths = plan.paths_of(patterns, options.config_dir)
        log.logger.info("Loading configs. paths=%s", [str(path) for path in paths])
        first = plan.make(paths)
    except ConfigError as error:
        for message in error.messages:
            log.logger.error("Configuration error. error=%s", message)
        return EXIT_CONFIG
    log.hide(first.config.secrets)
    limit = None if options.no_graceful_shutdown_limit else options.graceful_shutdown_limit_secs

    async def serve() -> int:
        return await Engine(first, patterns, options.config_dir).run(limit)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve())


def validate(options: argparse.Namespace) -> int:
    """Check and say what was found, as Vector does; 0 or 78."""
    directories = [*options.config_dir, *options.directories]
    names = [*options.paths, *directories]
    try:
        paths = plan.paths_of(options.paths, directories)
        names = [str(path) for path in paths]
        made = plan.make(paths, resolve_secrets=False)
    except ConfigError as error:
        return _failed(f"Failed to load {_listed(names)}", error.messages)
    print(f"√ Loaded {_listed(names)}")
    if made.graph.warnings:
        print("\n".join(f"~ {warning}" for warning in made.graph.warnings))
        if options.deny_warnings:
            return EXIT_CONFIG
    print("√ Component configuration")
    if not options.no_environment:
        try:
            _check_data_dir(made)
        except StartError as error:
            return _failed("Component errors", [str(error)])
        print("√ Environment")
    print(f"{_RULE}\n{'Validated':>{len(_RULE)}}")
    return 0


def test(options: argparse.Namespace) -> int:
    """Run unit tests and say how they went; 0, 1 when one failed, 78 when they cannot be read."""
    try:
        paths = plan.paths_of([*options.config, *options.paths], [*options.config_dir, *options.directories])
        config = tests_config(paths)
    except ConfigError as error:
        return _failed("Failed to load the tests", error.messages)
    results = run_tests(config)
    print("Running tests" if results else "No tests were found.")
    for each in results:
        print(f"test {log.clean(each.name)} ... {each.outcome}")
        for failure in each.failures:
            place = "" if failure.output is None else f"output {failure.output + 1}: "
            place += "" if failure.condition is None else f"condition {failure.condition + 1}: "
            print(f"    {place}{log.clean_lines(failure.message)}")
    return 0 if all(each.outcome == "passed" for each in results) else 1


def judge(options: argparse.Namespace) -> int:
    """Judge events of another program by a condition; see `judging`."""
    del options
    return judging.judge(sys.stdin.buffer, sys.stdout.buffer)


def _check_data_dir(made: plan.Plan) -> None:
    if not any(each.type == "file" for each in made.config.of("source")):
        return
    folder = Path(made.config.globals.data_dir)
    try:
        with tempfile.TemporaryDirectory(prefix="validate_tmp", dir=folder):
            pass
    except OSError as error:
        raise StartError(
            f"data_dir {str(folder)!r} does not exist or is not writable: {error.strerror}"
        ) from None


def _failed(title: str, messages: list[str]) -> int:
    print(f"x {title}\n{_RULE}", file=sys.stderr)
    for message in messages:
        print(f"x {log.clean_lines(message)}", file=sys.stderr)
    return EXIT_CONFIG


def _listed(names: list[str]) -> str:
    return "[" + ", ".join(f'"{log.clean(name)}"' for name in names) + "]"


if __name__ == "__main__":
    main()
