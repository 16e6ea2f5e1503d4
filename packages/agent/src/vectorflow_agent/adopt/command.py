"""`vectorflow-agent adopt`: observe, take-over, hand-back, status, forget."""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from vectorflow_agent.adopt.asking import (
    NotAsked,
    changed_since,
    forget,
    hand_back_alone,
    hand_back_ask,
    journal_of,
    pipeline_since,
    seen_here,
    take_over_ask,
)
from vectorflow_agent.adopt.journal import JournalDamaged, journals
from vectorflow_agent.adopt.sending import send, told
from vectorflow_agent.adopt.types import Step, TakeOver, VectorFound
from vectorflow_agent.settings import Settings, policy_load
from vectorflow_agent.shell.disk import Layout, lock_held, lock_take

_LOOK_SECONDS: Final = 0.2
_ENDS: Final = frozenset({Step.TAKEN, Step.REFUSED, Step.ROLLED_BACK, Step.RETURNED})


def adopt_parser(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    adopt = commands.add_parser("adopt", help="take over a Vector that runs here, and hand it back")
    what = adopt.add_subparsers(dest="what", required=True)
    observe = what.add_parser("observe", parents=[shared], help="find Vectors; changes nothing")
    observe.add_argument("--format", choices=("text", "json"), default="text")
    observe.add_argument(
        "--send", action="store_true", help="tell the control plane, which shows it at the node"
    )
    observe.add_argument(
        "--with-configuration", action="store_true", help="send the configurations too, without secrets"
    )
    one = argparse.ArgumentParser(add_help=False)
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--unit", help="systemd unit, such as vector.service")
    which.add_argument("--pid", type=int, help="process without a unit")
    one.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="how long to wait for the end"
    )
    take = what.add_parser("take-over", parents=[shared, one], help="let a pipeline take its place")
    take.add_argument(
        "--pipeline", required=True, help="name or id of the pipeline that is deployed to this node"
    )
    take.add_argument(
        "--accept-missing", action="store_true", help="give up positions that the pipeline lacks"
    )
    take.add_argument("--stop-seconds", type=float, default=60.0, help="how long it may take to end")
    what.add_parser("hand-back", parents=[shared, one], help="have the old Vector back as it was")
    what.add_parser("forget", parents=[shared, one], help="forget a take-over that is over")
    what.add_parser("status", parents=[shared], help="how far take-overs have come")


def adopt(settings: Settings, options: argparse.Namespace) -> int:
    """Do what is asked. 0: done, 1: not."""
    commands = {
        "observe": _observe,
        "take-over": _take_over,
        "hand-back": _hand_back,
        "forget": _forget,
        "status": _status,
    }
    try:
        return commands[options.what](settings, options)
    except (NotAsked, JournalDamaged) as error:
        sys.stderr.write(f"vectorflow-agent: {error}\n")
    except OSError as error:
        sys.stderr.write(f"vectorflow-agent: {error.strerror}: {error.filename or ''}\n")
    return 1


def _observe(settings: Settings, options: argparse.Namespace) -> int:
    seen = seen_here(settings)
    found = [each.found for each in seen]
    if options.send:
        send(settings, told(seen, texts=options.with_configuration))
    if options.format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
        return 0
    for each in found:
        sys.stdout.writelines(f"{_clean(line)}\n" for line in _lines(each))
    if not found:
        sys.stdout.write("no Vector was found on this machine, besides the agent's own engines\n")
    return 0


def _lines(found: VectorFound) -> Iterator[str]:
    yield found.id
    if found.unit is not None:
        yield f"  unit         {', '.join(found.unit.files)} {found.unit.enabled}".rstrip()
    running = f"process {found.pid}" if found.pid else "not running"
    yield f"  runs         {running} as {found.user}, version {found.version or 'unknown'}"
    for file in found.files:
        yield f"  reads        {file.path} {file.problem}".rstrip()
    yield f"  data_dir     {found.data_dir}"
    for section, members in found.components.items():
        yield f"  {section:12} {', '.join(f'{name} ({kind})' for name, kind in members.items())}"
    for name, address in found.addresses.items():
        yield f"  listens      {name} on {address}"
    if found.environment:
        yield f"  environment  {', '.join(found.environment)}"
    for remark in found.remarks:
        yield f"  {'BLOCKS' if remark.blocks else 'look'}         {remark.id}: {remark.message}"
    choice = f"--unit {found.id}" if found.unit else f"--pid {found.pid}"
    yield f"  take over    vectorflow-agent adopt take-over {choice} --pipeline NAME"


def _take_over(settings: Settings, options: argparse.Namespace) -> int:
    if not lock_held(Layout(settings.state).lock):
        raise NotAsked(
            "no agent runs on this state folder, and it is the agent that takes over: start it first"
        )
    policy = policy_load(settings)
    record = take_over_ask(
        settings,
        policy,
        _name(options),
        options.pipeline,
        accept_missing=options.accept_missing,
        stop_seconds=options.stop_seconds,
    )
    sys.stdout.write(
        f"waiting for a verified bundle with the pipeline {_clean(options.pipeline)}: deploy it to this node now\n"
    )
    record = _follow(settings, record, options.wait)
    if record.step == Step.TAKEN:
        sys.stdout.write(f"{record.id} was taken over; nothing ran for {record.pause_ms / 1000:.1f} s\n")
        return 0
    return 1


def _hand_back(settings: Settings, options: argparse.Namespace) -> int:
    layout = Layout(settings.state)
    record = hand_back_ask(settings, _name(options))
    differs = [*changed_since(record), *filter(None, [pipeline_since(record, layout)])]
    for each in differs:
        sys.stdout.write(f"differs: {_clean(each)}\n")
    if record.exported:
        sys.stdout.write(f"the configuration as it ran is in {record.exported}\n")
    if lock_held(layout.lock):
        record = _follow(settings, record, options.wait)
    else:
        with lock_take(layout.lock):
            record = asyncio.run(hand_back_alone(settings, record))
    if record.step == Step.RETURNED and not record.message:
        sys.stdout.write(f"{record.id} runs again as it did before\n")
        return 0
    sys.stderr.write(f"vectorflow-agent: {record.step}: {record.message}\n")
    return 1


def _follow(settings: Settings, record: TakeOver, seconds: float) -> TakeOver:
    """Show each step until the last; what was begun goes on when this ends."""
    deadline = time.monotonic() + seconds
    shown = record.step
    while time.monotonic() < deadline:
        record = journal_of(settings, record.id)
        if record.step != shown:
            shown = record.step
            sys.stdout.write(f"{shown} {_clean(record.message)}".rstrip() + "\n")
            sys.stdout.flush()
        if record.step in _ENDS:
            return record
        time.sleep(_LOOK_SECONDS)
    sys.stdout.write("not done yet; it goes on: vectorflow-agent adopt status\n")
    return record


def _forget(settings: Settings, options: argparse.Namespace) -> int:
    forget(settings, _name(options))
    sys.stdout.write(f"the take-over of {_name(options)} is forgotten\n")
    return 0


def _status(settings: Settings, options: argparse.Namespace) -> int:
    del options
    records = list(journals(settings.state))
    for record in records:
        pause = f", pause {record.pause_ms} ms" if record.pause_ms else ""
        line = f"{record.id} by the pipeline {record.pipeline}: {record.step}{pause} {record.message}"
        sys.stdout.write(_clean(line).rstrip() + "\n")
    if not records:
        sys.stdout.write("no Vector was taken over on this machine\n")
    return 0


def _name(options: argparse.Namespace) -> str:
    return options.unit or f"pid-{options.pid}"


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
