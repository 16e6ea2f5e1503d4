"""`vectorflow logs`: what nodes and engines said, in a terminal, over the public API."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
import typer

from vectorflow.entry.client import ApiClient, ApiUnreachable
from vectorflow.entry.fleet_cli import Place, node_named, opened, pages, printable, stopped
from vectorflow.kernel.clock import rfc3339

_PAGE: Final = 200
_LOOK_SECONDS: Final = 2.0
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def logs(
    place: Place,
    *,
    node: Annotated[str | None, typer.Option(help="Only lines of this node, by name or id.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only lines of this pipeline, by name or id.")] = None,
    component: Annotated[str | None, typer.Option(help="Only lines that name this component.")] = None,
    level: Annotated[str, typer.Option(help="Only lines at least this serious.")] = "trace",
    since: Annotated[str, typer.Option(help="How far back: 15m, 2h, 7d, or a moment (RFC 3339).")] = "1h",
    search: Annotated[str | None, typer.Option(help="Only lines that hold this text.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="At most so many.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what arrives.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the API's own lines, one JSON object each.")
    ] = False,
) -> None:
    """Print log lines of nodes and engines, the oldest first."""
    wanted: dict[str, Any] = {"component": component, "level": level, "q": search, "since": moment(since)}
    with opened(place) as (client, base):
        if node is not None:
            wanted["node"] = node_named(client, base, node)["id"]
        if pipeline is not None:
            wanted["pipeline"] = _pipeline(client, base, pipeline)
        wanted = {name: value for name, value in wanted.items() if value is not None}
        found, after = _newest(client, f"{base}/logs", wanted, lines)
        for each in reversed(found):
            _say(each, json=json)
        if not found and not follow:
            typer.echo("No line was told. Nodes send warnings and errors unless told otherwise.", err=True)
        if follow:
            for each in _arriving(client, f"{base}/logs", wanted, after):
                _say(each, json=json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


def moment(text: str) -> str:
    """Return the moment that `15m`, `2h` or `7d` ago was, or the one that is written. Exits for anything else."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return rfc3339(datetime.now(UTC) - timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))}))
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise stopped(
            f"{text}: say how far back as 15m, 2h or 7d, or a moment as 2030-01-31T12:00:00Z"
        ) from None
    return rfc3339(written if written.tzinfo else written.replace(tzinfo=UTC))


def line_text(line: dict[str, Any]) -> str:
    """Return a line as the terminal shows it, with nothing in it that could steer the terminal."""
    pipeline = line["pipeline"]
    source = "agent" if pipeline is None else pipeline["name"] or pipeline["id"]
    where = f"{source}/{line['component']}" if line["component"] else source
    node = line["node"]["name"] or line["node"]["id"]
    return printable(f"{line['at']} {line['level'].upper():5} {node} {where}: {line['text']}")


def _say(line: dict[str, Any], *, json: bool) -> None:
    typer.echo(msgspec.json.encode(line).decode() if json else line_text(line))


def _newest(
    client: ApiClient, path: str, wanted: dict[str, Any], most: int
) -> tuple[list[dict[str, Any]], str]:
    found: list[dict[str, Any]] = []
    page = client.request("GET", path, params={**wanted, "limit": min(_PAGE, most)})
    after = str(page["follow"])
    while True:
        found += page["items"]
        if page["next_cursor"] is None or len(found) >= most:
            return found[:most], after
        more = {"cursor": page["next_cursor"], "limit": min(_PAGE, most - len(found))}
        page = client.request("GET", path, params={**wanted, **more})


def _arriving(client: ApiClient, path: str, wanted: dict[str, Any], after: str) -> Iterator[dict[str, Any]]:
    """Yield what arrives, until somebody stops it; a server that is away for a while is asked again."""
    while True:
        try:
            page = client.request("GET", path, params={**wanted, "after": after, "limit": _PAGE})
        except ApiUnreachable:
            time.sleep(_LOOK_SECONDS)
            continue
        yield from page["items"]
        after = page["follow"]
        if len(page["items"]) < _PAGE:
            time.sleep(_LOOK_SECONDS)


def _pipeline(client: ApiClient, base: str, name: str) -> str:
    found = [
        each["id"]
        for each in pages(client, f"{base}/pipelines", {"q": None})
        if name in (each["id"], each["name"])
    ]
    if len(found) != 1:
        raise stopped(f"there is no pipeline {name} here")
    return str(found[0])
