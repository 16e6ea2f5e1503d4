#!/usr/bin/env python3
# ruff: noqa: T201  it is a program, and printing is what it is for
"""A `systemctl` for machines without systemd: a few verbs, and units that are really started and stopped.

`--root DIR` before all else is where units and their state lie. Like systemd it goes by what it read at the last
`daemon-reload`, refuses what it does not know, and does not start a unit whose condition does not hold.
"""

import json
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil


def main(arguments):
    root = Path(arguments[1])
    verb, *rest = arguments[2:]
    state = root / "run/fake"
    state.mkdir(parents=True, exist_ok=True)
    with (state / "calls").open("a") as calls:
        calls.write(" ".join([verb, *rest]) + "\n")
    if verb == "daemon-reload":
        (state / "loaded.json").write_text(json.dumps(load(root)))
        return 0
    if verb == "show":
        return show(root, state, rest)
    if verb in {"start", "stop"} and len(rest) == 1:
        return {"start": start, "stop": stop}[verb](root, state, rest[0])
    print(f"Unknown command verb {verb}.", file=sys.stderr)
    return 1


def load(root):
    units = {}
    for path in sorted((root / "etc/systemd/system").glob("*.service")):
        lines = []
        for file in [path, *sorted(path.with_name(path.name + ".d").glob("*.conf"))]:
            lines += [line.strip() for line in file.read_text().splitlines()]
        units[path.name] = [line for line in lines if "=" in line and not line.startswith("#")]
    return units


def loaded(root, state, unit):
    file = state / "loaded.json"
    if not file.exists():
        file.write_text(json.dumps(load(root)))
    units = json.loads(file.read_text())
    if unit not in units:
        print(f"Unit {unit} not found.", file=sys.stderr)
        sys.exit(5)
    return [line.split("=", 1) for line in units[unit]]


def process(state, unit):
    try:
        pid, began = json.loads((state / unit).read_text())
        found = psutil.Process(pid)
        if found.create_time() == began and found.status() != psutil.STATUS_ZOMBIE:
            return found
    except (OSError, psutil.Error):
        pass
    return None


def show(root, state, words):
    wanted = [word for before, word in zip(["", *words], words, strict=False) if before == "-p"]
    unit = next((word for word in words if word.endswith(".service")), "")
    if not unit:
        print("Version=255")
        return 0
    running = process(state, unit)
    linked = list((root / "etc/systemd/system").glob(f"*.wants/{unit}"))
    known = {
        "ActiveState": "active" if running else "inactive",
        "MainPID": str(running.pid if running else 0),
        "UnitFileState": "enabled" if linked else "disabled",
    }
    for key in wanted:
        print(f"{key}={known[key]}")
    return 0


def start(root, state, unit):
    if process(state, unit):
        return 0
    command, environment, folder, user = [], {"PATH": os.environ["PATH"]}, "/", None
    for key, value in loaded(root, state, unit):
        if key == "ConditionPathExists":
            wanted, path = not value.startswith("!"), Path(value.lstrip("!"))
            if path.exists() is not wanted:
                return 0
        elif key == "ExecStart":
            command = shlex.split(value)
        elif key == "Environment":
            environment |= dict(word.split("=", 1) for word in shlex.split(value))
        elif key == "EnvironmentFile":
            text = (
                (root / value.lstrip("-/")).read_text()
                if not Path(value).exists()
                else Path(value).read_text()
            )
            environment |= dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        elif key == "WorkingDirectory":
            folder = value
        elif key == "User":
            user = pwd.getpwnam(value)
    words = [os.path.expandvars(word) for word in command]
    words = [environment.get(word[2:-1], "") if word.startswith("${") else word for word in words]
    with (state / f"{unit}.log").open("ab") as log:
        started = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}),
        )
    (state / unit).write_text(json.dumps([started.pid, psutil.Process(started.pid).create_time()]))
    return 0


def stop(root, state, unit):
    loaded(root, state, unit)
    running = process(state, unit)
    if running is None:
        return 0
    running.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 30
    while process(state, unit):
        if time.monotonic() > deadline:
            running.kill()
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
