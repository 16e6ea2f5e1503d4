"""`vectorflow nodes update` and its sisters: which versions nodes shall run, from a terminal, over the public API."""

import re
import time
from typing import Annotated, Any, Final

import typer

from vectorflow.entry.client import ApiClient
from vectorflow.entry.fleet_cli import Place, group_named, opened, printable, stopped, table

_LOOK_SECONDS: Final = 2.0
_STEP = re.compile(r"([1-9]\d{0,4})(%?)")
_STATES: Final = {"pause": "paused", "resume": "running", "end": "ended"}

Program = Annotated[str, typer.Argument(metavar="agent|engine", help="What to update.")]
Group = Annotated[
    str | None, typer.Option(help="Only nodes of this group, by name; else all of the environment.")
]


def update(
    place: Place,
    program: Program,
    version: Annotated[str, typer.Argument(help="A version that `nodes updates` lists.")],
    *,
    group: Group = None,
    step: Annotated[str, typer.Option(help="So many nodes at a time: 5 or 10%.")] = "1",
    failures: Annotated[int, typer.Option(min=0, max=10_000, help="More failures than this pause it.")] = 0,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until all nodes run it; exit code 1 when it is paused or ended.")
    ] = False,
) -> None:
    """Have nodes run a version, some at a time. One for the same nodes and program takes its place."""
    if program not in ("agent", "engine"):
        raise stopped("say agent or engine")
    number, unit = step_read(step)
    with opened(place) as (client, base):
        wish: dict[str, Any] = {
            "program": program,
            "version": version,
            "group_id": group_named(client, base, group)["id"] if group is not None else None,
            "step": number,
            "unit": unit,
            "most_failures": failures,
        }
        made = client.request("POST", f"{base}/updates", json=wish)
        typer.echo(f"{_of(made)}: {made['nodes']} nodes, {step} at a time ({made['id']}).")
        if wait and not _waited(client, base, made["id"]):
            raise typer.Exit(1)


def updates(place: Place) -> None:
    """List the updates that have not ended, what their nodes had trouble with, and the releases there are."""
    with opened(place) as (client, base):
        found = client.request("GET", f"{base}/updates")
        trouble = [
            (each, node)
            for each in found["items"]
            for node in client.request("GET", f"{base}/updates/{each['id']}/nodes")["items"]
            if node["state"] in ("failed", "silent")
        ]
    table(
        ("UPDATE", "STATE", "DONE", "ID"),
        [
            (_of(each), each["state"], f"{each['counts'].get('done', 0)}/{each['nodes']}", each["id"])
            for each in found["items"]
        ],
    )
    for each, node in trouble:
        why = ": ".join(part for part in (node["reason"], node["message"]) if part)
        typer.echo(printable(f"{_of(each)}: {node['node_name']} {node['state']} {why}"))
    typer.echo()
    if not found["releases"]:
        typer.echo("No releases were imported into this server.")
        return
    table(
        ("RELEASE", "VERSION", "FOR"),
        [
            (each["program"], each["version"], " ".join(part for part in (each["os"], each["arch"]) if part))
            for each in found["releases"]
        ],
    )


def update_state(
    place: Place,
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `nodes updates` prints it.")],
    state: Annotated[str, typer.Argument(metavar="pause|resume|end")],
) -> None:
    """Pause an update, let it go on (what failed is tried again), or end it; what nodes run stays."""
    if state not in _STATES:
        raise stopped("say pause, resume or end")
    with opened(place) as (client, base):
        client.request("POST", f"{base}/updates/{id_}/state", json={"state": _STATES[state]})
    typer.echo(f"{id_} is {_STATES[state]}.")


def step_read(text: str) -> tuple[int, str]:
    """How many nodes at a time, and in which unit. Exits when it cannot be read."""
    match = _STEP.fullmatch(text)
    if match is None or (match[2] and int(match[1]) > 100):
        raise stopped(f"{printable(text)}: say how many nodes at a time, as 5 or 10%")
    return int(match[1]), "percent" if match[2] else "nodes"


def _of(plan: dict[str, Any]) -> str:
    return f"{plan['program']} {plan['target']} for {plan['group_name'] or 'all nodes'}"


def _waited(client: ApiClient, base: str, plan_id: str) -> bool:
    """Wait for an update; whether all nodes run it."""
    said = ""
    while True:
        found = [each for each in client.request("GET", f"{base}/updates")["items"] if each["id"] == plan_id]
        if not found:
            typer.echo("It was ended.")
            return False
        (plan,) = found
        counts = ", ".join(f"{count} {state}" for state, count in sorted(plan["counts"].items()) if count)
        if counts != said:
            typer.echo(printable(counts))
            said = counts
        if plan["state"] == "paused":
            typer.echo(printable(f"It is paused: {plan['reason']}"))
            return False
        if plan["counts"].get("done", 0) == plan["nodes"]:
            return True
        time.sleep(_LOOK_SECONDS)


def register(nodes: typer.Typer) -> None:
    """Add the commands to those about nodes."""
    nodes.command("update")(update)
    nodes.command("updates")(updates)
    nodes.command("update-state")(update_state)
