"""`vectorflow tap`: events that leave an output, in a terminal or as JSON lines, over the public API.

Events come from whoever sends to the pipeline: nothing of them may steer the terminal, in either form.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
import typer

from vectorflow.entry.client import ApiClient
from vectorflow.entry.fleet_cli import Place, node_named, opened, pages, printable, stopped
from vectorflow.kernel.ids import parse_id

_CONDITION = re.compile(r"\s*(\.?[\w.-]+)\s*(!=|=|~|<|>|\?)\s*(.*?)\s*", re.S)
_VRL: Final = "vrl:"
_OPERATORS: Final = {"=": "eq", "!=": "ne", "~": "contains", "<": "lt", ">": "gt", "?": "exists"}


def tap(
    place: Place,
    pipeline: Annotated[str, typer.Argument(help="A pipeline's name or id.")],
    component: Annotated[str, typer.Argument(metavar="COMPONENT[.PORT]", help="The output to look at.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the organisation's log.")],
    node: Annotated[
        str | None, typer.Option(help="Only this node, by name or id; else all, up to 20.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition: level=error, status>499, message~text, .user.id?, env!=prod; or one in VRL, as 'vrl: .a == .b'."
        ),
    ] = None,
    redact: Annotated[
        list[str] | None, typer.Option(help="A name of fields that shall be replaced too.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="End after so many events.")] = 100,
    rate: Annotated[float, typer.Option(min=0.1, max=500, help="Events per second from each node.")] = 50.0,
    seconds: Annotated[int, typer.Option(min=5, max=3600, help="End after so long.")] = 300,
    json: Annotated[
        bool, typer.Option("--json", help="Print events alone, one JSON object on each line.")
    ] = False,
) -> None:
    """Show events as they leave an output, redacted on the node. Needs the permission tap.use."""
    name, _, port = component.partition(".")
    with opened(place) as (client, base):
        wish = {
            "pipeline_id": _pipeline(client, base, pipeline),
            "component": name,
            "port": port,
            "reason": reason,
            "node_id": node_named(client, base, node)["id"] if node is not None else None,
            "where": [condition(text) for text in where or []],
            "redact": redact or [],
            "seconds": seconds,
            "events_per_second": rate,
            "most_events": limit,
        }
        made = client.request("POST", f"{base}/taps", json=wish)
        asked = ", ".join(printable(each["name"]) for each in made["nodes"])
        typer.echo(f"Tapping {component} on {asked}. End with Ctrl-C.", err=True)
        try:
            last = _show(client, f"{base}/taps/{made['id']}/events", made, limit, json=json)
        finally:
            client.request("POST", f"{base}/taps/{made['id']}/stop")
        typer.echo(_summary(last), err=True)


def condition(text: str) -> dict[str, str]:
    """A condition as the API takes it. Exits when it cannot be read."""
    if text.lstrip().startswith(_VRL):
        return {"path": ".", "operator": "vrl", "value": text.lstrip().removeprefix(_VRL).strip()}
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise stopped(f"{printable(text)!r} is no condition; say like level=error, status>499 or .user.id?")
    path, operator, value = match.groups()
    return {"path": path, "operator": _OPERATORS[operator], "value": value}


def line_of(event: Any) -> str:
    """An event as one line of JSON in which nothing can steer a terminal or begins a formula."""
    text = msgspec.json.encode(event).decode()
    return "".join(
        letter if letter.isprintable() else "".join(f"\\u{unit:04x}" for unit in _units(letter))
        for letter in text
    )


def _units(letter: str) -> Iterator[int]:
    data = letter.encode("utf-16-be")
    return (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def _show(client: ApiClient, path: str, tap_: dict[str, Any], limit: int, *, json: bool) -> dict[str, Any]:
    names = {each["node_id"]: printable(each["name"]) for each in tap_["nodes"]}
    shown = 0
    try:
        for kind, data in client.stream(path):
            if kind == "tap":
                tap_ = data
                continue
            for item in data.get("items", ()) if kind == "events" else ():
                line = line_of(item["event"])
                head = f"{item['at']} {names.get(item['node_id'], '?')} {printable(item['component'])}"
                typer.echo(line if json else f"{head} {line}")
                shown += 1
                if shown >= limit:
                    return tap_
    except KeyboardInterrupt:
        pass
    return tap_


def _summary(last: dict[str, Any]) -> str:
    nodes = last["nodes"]
    dropped = sum(each["dropped"] for each in nodes)
    why = ", ".join(sorted({each["ended"] for each in nodes if each["ended"]})) or last["ended"] or "stopped"
    return f"{sum(each['sent'] for each in nodes)} events sent, {dropped} dropped; ended: {printable(why)}"


def _pipeline(client: ApiClient, base: str, name: str) -> str:
    if parse_id(name) is not None:
        return name
    found = [
        each for each in pages(client, f"{base}/pipelines", {"q": name}) if name in (each["name"], each["id"])
    ]
    if len(found) != 1:
        raise stopped(f"there is no pipeline {printable(name)} here, or there are several of this name")
    return str(found[0]["id"])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tap)
