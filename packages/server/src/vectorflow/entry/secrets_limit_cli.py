"""`vectorflow nodes secrets-limit`: how long nodes keep secrets without contact, from a terminal, over the public API."""

import re
from typing import Annotated, Final

import typer

from vectorflow.entry.fleet_cli import opened_organization, printable, stopped
from vectorflow.fleet.offline import LEAST_SECONDS, MOST_SECONDS

_FOR_EVER: Final = "for-ever"
_LIMIT = re.compile(r"(\d{1,4})([hd])")
_UNITS: Final = {"h": 3600, "d": 86_400}


def secrets_limit(
    place: Annotated[
        str,
        typer.Option(
            "--in", envvar="VECTORFLOW_IN", help="The organisation; an environment is not looked at."
        ),
    ],
    limit: Annotated[
        str | None,
        typer.Argument(metavar="1h…90d|for-ever", help="The new limit; without one the present is shown."),
    ] = None,
) -> None:
    """Show or change how long all nodes of an organisation keep secrets without contact."""
    wanted = None if limit is None else limit_read(limit)
    with opened_organization(place) as (client, base):
        found = client.request("GET", f"{base}/secrets-on-nodes")
        if limit is None:
            typer.echo(f"Nodes keep secrets without contact {limit_words(found['max_offline_seconds'])}.")
            return
        body = {"max_offline_seconds": wanted}
        made = client.request("PUT", f"{base}/secrets-on-nodes", json=body, etag=found["etag"])
    typer.echo(f"Nodes keep secrets without contact {limit_words(made['max_offline_seconds'])}.")
    typer.echo("Each learns of it by its next bundle.")
    if wanted is not None:
        typer.echo(
            "An outage of the control plane that lasts as long stops pipelines with secrets everywhere."
        )


def limit_read(text: str) -> int | None:
    """Return the seconds of `12h` or `7d`, None for `for-ever`. Exits for anything else."""
    if text == _FOR_EVER:
        return None
    match = _LIMIT.fullmatch(text)
    seconds = int(match[1]) * _UNITS[match[2]] if match is not None else 0
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise stopped(f"{printable(text)}: say how long as 12h or 7d, from 1h to 90d, or for-ever")
    return seconds


def limit_words(seconds: int | None) -> str:
    """Return the limit as a person says it."""
    if seconds is None:
        return "for ever"
    for unit, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0:
            count = seconds // unit
            return f"for {count} {word}" + ("s" if count > 1 else "")
    return f"for {seconds} seconds"


def register(nodes: typer.Typer) -> None:
    """Add the command to those about nodes."""
    nodes.command("secrets-limit")(secrets_limit)
