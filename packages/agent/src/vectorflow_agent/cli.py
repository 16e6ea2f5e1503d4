"""The `vectorflow-agent` command: `install`, `run`, `supervise`, `status`, `doctor`, `uninstall`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.adopt.command import adopt, adopt_parser
from vectorflow_agent.doctor.command import doctor
from vectorflow_agent.install.command import add_parsers as install_parsers
from vectorflow_agent.install.command import install, uninstall
from vectorflow_agent.settings import Settings, SettingsInvalid, policy_load, settings_check, settings_load
from vectorflow_agent.shell.agent import Agent
from vectorflow_agent.shell.disk import Layout, StateLocked, lock_held, read_optional
from vectorflow_agent.shell.identity import enrolment_read
from vectorflow_agent.shell.upkeep import Status
from vectorflow_agent.supervisor import Supervisor

_STALE_SECONDS = 30


class _LineFormatter(logging.Formatter):
    """One line a message, with control characters made visible: parts of it come from outside."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info)
        clean = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
        return f"{at} {record.levelname.lower():7} {clean}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command; exits with 0, 1 (it does not work) or 2 (called wrongly)."""
    options = _parser().parse_args(arguments)
    try:
        if options.command in _INSTALLING:
            code = _INSTALLING[options.command](options)
        else:
            code = _COMMANDS[options.command](_settings(options), options)
    except (SettingsInvalid, StateLocked) as error:
        if options.command == "doctor":
            # With settings that nobody can read the rest can still be looked at.
            code = _doctor(_settings_by_default(options), options, str(error))
        else:
            print(f"vectorflow-agent: {error}", file=sys.stderr)
            code = 1
    sys.exit(code)


def _settings(options: argparse.Namespace) -> Settings:
    return settings_load(
        os.environ,
        options.config,
        state_dir=options.state_dir,
        stop_engines=True if getattr(options, "stop_engines", False) else None,
    )


def _settings_by_default(options: argparse.Namespace) -> Settings:
    return settings_load(
        {}, None, state_dir=options.state_dir or os.environ.get("VECTORFLOW_AGENT_STATE_DIR")
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vectorflow-agent", description="Runs pipelines on this machine.")
    parser.add_argument("--version", action="version", version=f"vectorflow-agent {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, help="YAML file with settings; the environment outranks it")
    shared.add_argument("--state-dir", help="state folder (VECTORFLOW_AGENT_STATE_DIR)")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", parents=[shared], help="run the agent")
    run.add_argument("--stop-engines", action="store_true", help="drain and stop engines when ending")
    supervise = commands.add_parser(
        "supervise", parents=[shared], help="run the agent so that it can be updated and returned from"
    )
    supervise.add_argument("--stop-engines", action="store_true", help=argparse.SUPPRESS)
    preflight = commands.add_parser(
        "preflight", parents=[shared], help="tell whether this version starts here"
    )
    preflight.add_argument("--stop-engines", action="store_true", help=argparse.SUPPRESS)
    install_parsers(commands)
    commands.add_parser("status", parents=[shared], help="show what the agent does")
    looking = commands.add_parser("doctor", parents=[shared], help="say what is wrong here and what to do")
    looking.add_argument("--format", choices=("text", "json"), default="text")
    looking.add_argument(
        "--bundle", type=Path, metavar="FILE.tar.gz", help="write all of it, without secrets"
    )
    adopt_parser(commands, shared)
    return parser


def _run(settings: Settings) -> int:
    settings_check(settings)
    _logs(settings.log_level)
    os.umask(0o077)
    try:
        return asyncio.run(_run_until_told(settings))
    except OSError as error:
        print(f"vectorflow-agent: {error.strerror}: {error.filename or ''}", file=sys.stderr)
        return 1


def _supervise(settings: Settings) -> int:
    settings_check(settings)
    os.umask(0o077)
    return Supervisor(settings, sys.argv[2:]).run()


def _preflight(settings: Settings) -> int:
    """Import everything and read what this node has; the last word is the version."""
    settings_check(settings)
    policy_load(settings)
    enrolment_read(Layout(settings.state))
    print(f"vectorflow-agent {__version__}")
    return 0


async def _run_until_told(settings: Settings) -> int:
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            # The second signal: whoever sends it does not want to wait.
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    agent = Agent(settings, policy_load(settings))
    await agent.run(stop)
    return agent.exit_code


def _logs(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The HTTP library logs every request, which is noise here.
    for name in ("httpx2", "httpcore2", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _status(settings: Settings) -> int:
    layout = Layout(settings.state)
    running = lock_held(layout.lock)
    stored = read_optional(layout.status)
    print(f"agent      {'running' if running else 'not running'} (state in {settings.state})")
    if stored is None:
        print("nothing is known yet: has the agent run here?")
        return 0 if running else 1
    status = msgspec.json.decode(stored, type=Status)
    age = time.time() - status.at / 1000
    node = status.node or "not enrolled"
    print(f"node       {node} {status.name}{' (token not accepted)' if status.revoked else ''}")
    print(f"gateway    {status.url}")
    print(f"told       {age:.0f} s ago{' (stale)' if age > _STALE_SECONDS else ''}")
    if status.heartbeat is not None:
        beat = status.heartbeat
        print(f"engine     {beat.engine.kind or 'none'} {beat.engine.version}")
        print(
            f"desired    {beat.generation}.{beat.issue}{' (past its half life)' if beat.agent.stale else ''}"
        )
        print(f"reports    {beat.agent.reports_waiting} waiting")
        for pipeline in beat.pipelines:
            print(f"pipeline   {pipeline.id} {pipeline.state} revision {pipeline.number} {pipeline.message}")
    for problem in status.problems:
        print(f"problem    {problem}")
    return 0 if running else 1


def _doctor(settings: Settings, options: argparse.Namespace, unusable: str = "") -> int:
    return doctor(settings, format=options.format, bundle=options.bundle, unusable=unusable)


_COMMANDS: Final[dict[str, Callable[[Settings, argparse.Namespace], int]]] = {
    "run": lambda settings, _: _run(settings),
    "supervise": lambda settings, _: _supervise(settings),
    "preflight": lambda settings, _: _preflight(settings),
    "status": lambda settings, _: _status(settings),
    "doctor": _doctor,
    "adopt": adopt,
}

_INSTALLING: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "install": install,
    "uninstall": uninstall,
}


if __name__ == "__main__":
    main()
