"""The `vectorflow-agent` command: `run`, `status`, `doctor`."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.settings import (
    Settings,
    SettingsInvalid,
    enrolment_token,
    policy_load,
    settings_check,
    settings_load,
)
from vectorflow_agent.shell.agent import Agent, Status
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.disk import Layout, StateLocked, folder, lock_held, read_optional
from vectorflow_agent.shell.engines import EngineMissing, engine_find, engine_path
from vectorflow_agent.shell.identity import enrolment_read
from vectorflow_agent.shell.sealing_keys import protection_find
from vectorflow_agent.shell.secrets import memory_backed, runtime_folder
from vectorflow_agent.shell.users import obstacle, users_wanted
from vectorflow_wire import tokens
from vectorflow_wire.messages import EngineKind

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
        settings = settings_load(
            os.environ,
            options.config,
            state_dir=options.state_dir,
            stop_engines=True if getattr(options, "stop_engines", False) else None,
        )
        commands: dict[str, Callable[[Settings], int]] = {"run": _run, "status": _status, "doctor": _doctor}
        code = commands[options.command](settings)
    except (SettingsInvalid, StateLocked) as error:
        print(f"vectorflow-agent: {error}", file=sys.stderr)
        code = 1
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vectorflow-agent", description="Runs pipelines on this machine.")
    parser.add_argument("--version", action="version", version=f"vectorflow-agent {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, help="YAML file with settings; the environment outranks it")
    shared.add_argument("--state-dir", help="state folder (VECTORFLOW_AGENT_STATE_DIR)")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", parents=[shared], help="run the agent")
    run.add_argument("--stop-engines", action="store_true", help="drain and stop engines when ending")
    commands.add_parser("status", parents=[shared], help="show what the agent does")
    commands.add_parser("doctor", parents=[shared], help="check settings, engine, folders and gateway")
    return parser


def _run(settings: Settings) -> int:
    settings_check(settings)
    _logs(settings.log_level)
    os.umask(0o077)
    try:
        asyncio.run(_run_until_told(settings))
    except OSError as error:
        print(f"vectorflow-agent: {error.strerror}: {error.filename or ''}", file=sys.stderr)
        return 1
    return 0


async def _run_until_told(settings: Settings) -> None:
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            # The second signal: whoever sends it does not want to wait.
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    await Agent(settings, policy_load(settings)).run(stop)


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


def _doctor(settings: Settings) -> int:
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("settings", _check_settings),
        ("policy", lambda given: str(policy_load(given))),
        ("state", _check_state),
        ("secrets", _check_runtime),
        ("keys", lambda given: protection_find(given.key_protection).words),
        ("users", _check_users),
        ("engine", lambda given: asyncio.run(_check_engine(given))),
        ("gateway", lambda given: asyncio.run(_check_gateway(given))),
    )
    failed = False
    for name, check in checks:
        try:
            print(f"ok    {name:9} {check(settings)}")
        except (SettingsInvalid, EngineMissing, GatewayError, OSError, ValueError) as error:
            failed = True
            print(f"FAIL  {name:9} {error}")
    return 1 if failed else 0


def _check_settings(settings: Settings) -> str:
    settings_check(settings)
    if enrolment_read(Layout(settings.state)) is not None:
        return "enrolled"
    token = enrolment_token(settings)
    if not token:
        raise SettingsInvalid("not enrolled, and no enrolment token: set VECTORFLOW_ENROLMENT_TOKEN_FILE")
    tokens.parse(token, prefixes={tokens.ENROLMENT})
    return "ready to enrol"


def _check_state(settings: Settings) -> str:
    root = folder(settings.state)
    if root.stat().st_mode & 0o077:
        raise SettingsInvalid(f"others can read {root}: run chmod 700 {root}")
    free = shutil.disk_usage(root).free
    return f"{root}, {free // 1024 // 1024} MiB free"


def _check_runtime(settings: Settings) -> str:
    path = runtime_folder(settings)
    if not memory_backed(path):
        raise SettingsInvalid(
            f"{path} is on a disk, so opened secrets would be: set VECTORFLOW_AGENT_RUNTIME_DIR to a folder in memory"
        )
    return f"{path}, in memory"


def _check_users(settings: Settings) -> str:
    if not users_wanted(settings):
        return "engines run as the agent's own user; only an agent that is root can give each its own"
    kind, program = engine_path(settings)
    blocked = obstacle(Path(program))
    if blocked is None:
        return f"each pipeline's engine runs as a user of its own, ids {settings.engine_uids}"
    if kind == EngineKind.EMBEDDED:
        return f"the embedded engine runs as the agent's own user: {blocked} is closed to others"
    raise SettingsInvalid(f"engines' users cannot run {program}: {blocked} is closed to them, chmod o+x it")


async def _check_engine(settings: Settings) -> str:
    engine = await engine_find(settings)
    return f"{engine.facts.kind} {engine.facts.version} at {engine.binary}"


async def _check_gateway(settings: Settings) -> str:
    gateway = Gateway(settings.url, ca_file=settings.ca_file)
    enrolment = enrolment_read(Layout(settings.state))
    try:
        await gateway.desired(enrolment.node_token if enrolment else "none", "")
    except GatewayError as error:
        # Any answer shows that the gateway is there; without enrolment it can only say no.
        if error.status == 0 or (enrolment is not None and error.unauthorized):
            raise
        return f"{settings.url} answers"
    finally:
        await gateway.close()
    return f"{settings.url} answers and accepts the token"


if __name__ == "__main__":
    main()
