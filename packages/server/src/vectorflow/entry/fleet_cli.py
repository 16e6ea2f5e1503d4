"""`vectorflow login`, `nodes` and `groups`: the fleet from a terminal, over the public API.

The session that `login` opens is kept in a file that only its owner may read; passwords are kept nowhere.
"""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from vectorflow.entry.client import ApiClient, ApiRefused, ApiUnreachable

nodes = typer.Typer(no_args_is_help=True, help="Nodes of an environment.")
groups = typer.Typer(no_args_is_help=True, help="Groups of nodes.")

_PAGE: Final = 200
Place = Annotated[str, typer.Option("--in", envvar="VECTORFLOW_IN", help="organisation/environment")]
NodeName = Annotated[str, typer.Argument(help="A node's name or id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class Login(msgspec.Struct, frozen=True):
    """A session that was opened from the command line."""

    url: str
    cookies: dict[str, str]
    csrf_token: str
    email: str


def session_file() -> Path:
    """Return where the session is kept."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "vectorflow" / "session.json"


def login_write(login: Login, path: Path) -> None:
    """Keep a session, in a file that nobody else may read from its first moment on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(login))
    fresh.replace(path)


def login_read(path: Path) -> Login:
    """Return the kept session. Exits when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Login)
    except (OSError, msgspec.MsgspecError):
        raise stopped("you are not signed in; run: vectorflow login <address>") from None


def login(
    url: Annotated[str, typer.Argument(help="The server's address, like https://vectorflow.example.com.")],
    email: Annotated[str, typer.Option(prompt="E-mail address", help="Who you are.")],
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password; without it you are asked.")
    ] = None,
) -> None:
    """Sign in; the session is kept in a file of mode 0600 until it ends or you sign out."""
    password = password_file.read_text().rstrip("\n") if password_file else getpass.getpass("Password: ")
    with ApiClient(url.rstrip("/")) as client, _said():
        session = client.sign_in(email, password)
        login_write(Login(url.rstrip("/"), client.cookies(), session["csrf_token"], email), session_file())
    typer.echo(f"Signed in to {url} as {email}.")


def logout() -> None:
    """Sign out and forget the session."""
    kept = login_read(session_file())
    with _client(kept) as client, _said():
        client.request("DELETE", "/session")
    session_file().unlink(missing_ok=True)
    typer.echo("Signed out.")


@nodes.command("list")
def nodes_list(
    place: Place,
    *,
    status: Annotated[str | None, typer.Option(help="Only nodes of this status.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only nodes degraded for this reason.")] = None,
    selector: Annotated[
        str | None, typer.Option(help="Only nodes with these labels: env=prod, !canary.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only nodes whose name holds this.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the API's own answer.")] = False,
) -> None:
    """List nodes, by name."""
    wanted = {"status": status, "reason": reason, "selector": selector, "q": search}
    with opened(place) as (client, base):
        found = list(pages(client, f"{base}/nodes", wanted))
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    table(
        ("NAME", "STATUS", "PIPELINES", "AGENT", "LAST SEEN", "LABELS"),
        [
            (
                each["name"],
                " ".join([each["status"], *(f"({reason})" for reason in each["reasons"])]),
                f"{each['pipelines_running']}/{each['pipelines_assigned']}",
                each["agent_version"],
                each["last_seen_at"] or "never",
                ",".join(f"{name}={value}" for name, value in sorted(each["labels"].items())),
            )
            for each in found
        ],
    )


@nodes.command("show")
def nodes_show(place: Place, node: NodeName) -> None:
    """Print everything about a node, as JSON."""
    with opened(place) as (client, base):
        typer.echo(msgspec.json.format(msgspec.json.encode(node_named(client, base, node))).decode())


@nodes.command("admit")
def nodes_admit(place: Place, node: NodeName) -> None:
    """Admit a node that waits."""
    with opened(place) as (client, base):
        found = node_named(client, base, node)
        client.request("POST", f"{base}/nodes/{found['id']}/admit")
    typer.echo(f"{found['name']} is admitted.")


@nodes.command("restart")
def nodes_restart(
    place: Place, node: NodeName, pipeline: Annotated[str, typer.Argument(help="A pipeline's name or id.")]
) -> None:
    """Ask a node to restart a pipeline's engine."""
    with opened(place) as (client, base):
        found = node_named(client, base, node)
        named = [
            each["pipeline"]["id"]
            for each in found["assignments"]
            if pipeline in (each["pipeline"]["id"], each["pipeline"]["name"])
        ]
        if len(named) != 1:
            raise stopped(f"{found['name']} has no pipeline {pipeline}")
        body = {"pipeline_id": named[0]}
        made = client.request("POST", f"{base}/nodes/{found['id']}/restart", json=body)
    typer.echo(f"{found['name']} was asked ({made['id']}).")


@nodes.command("label")
def nodes_label(
    place: Place,
    node: NodeName,
    changes: Annotated[list[str], typer.Argument(help="name=value to set, name- to remove.")],
) -> None:
    """Set and remove labels of a node; what it runs stays."""
    with opened(place) as (client, base):
        found = node_named(client, base, node)
        labels = dict(found["labels"])
        for change in changes:
            name, is_set, value = change.partition("=")
            if is_set:
                labels[name] = value
            elif change.endswith("-"):
                labels.pop(change[:-1], None)
            else:
                raise stopped(f"{change}: write name=value to set a label, name- to remove one")
        client.request(
            "PUT", f"{base}/nodes/{found['id']}/labels", json={"labels": labels}, etag=found["etag"]
        )
    typer.echo(",".join(f"{name}={value}" for name, value in sorted(labels.items())) or "no labels")


@nodes.command("decommission")
def nodes_decommission(
    place: Place,
    node: NodeName,
    *,
    stop: Annotated[bool, typer.Option("--stop-engines", help="Drain and stop what runs there.")] = False,
    yes: Yes = False,
) -> None:
    """Tell a node to leave and to remove what it holds."""
    with opened(place) as (client, base):
        found = node_named(client, base, node)
        if not yes:
            typer.confirm(f"Tell {found['name']} to remove its configurations, secrets and keys?", abort=True)
        client.request(
            "POST",
            f"{base}/nodes/{found['id']}/decommission",
            json={"engines": "stop" if stop else "keep"},
            etag=found["etag"],
        )
    typer.echo(f"{found['name']} is told to leave; it has left once it has said so.")


@groups.command("list")
def groups_list(place: Place) -> None:
    """List groups, by name."""
    with opened(place) as (client, base):
        found = client.request("GET", f"{base}/groups")["items"]
    rows = [
        (each["name"], str(each["nodes"]), "yes" if each["in_maintenance"] else "no", each["selector"] or "*")
        for each in found
    ]
    table(("NAME", "NODES", "MAINTENANCE", "LABELS"), rows)


@groups.command("create")
def groups_create(
    place: Place,
    name: Annotated[str, typer.Argument(help="The group's name.")],
    selector: Annotated[
        str, typer.Argument(help="Its nodes' labels: env=prod, region in (eu, us), !canary.")
    ],
) -> None:
    """Make a group of nodes by their labels."""
    with opened(place) as (client, base):
        made = client.request("POST", f"{base}/groups", json={"name": name, "selector": selector})
    typer.echo(f"{made['name']} has {made['nodes']} nodes.")


@groups.command("delete")
def groups_delete(place: Place, name: str, *, yes: Yes = False) -> None:
    """Delete a group; its nodes and what they run stay."""
    with opened(place) as (client, base):
        group = group_named(client, base, name)
        if not yes:
            typer.confirm(f"Delete the group {name}?", abort=True)
        client.request("DELETE", f"{base}/groups/{group['id']}", etag=group["etag"])
    typer.echo(f"{name} is deleted.")


@groups.command("maintenance")
def groups_maintenance(
    place: Place, name: str, state: Annotated[str, typer.Argument(help="on or off")]
) -> None:
    """Begin or end maintenance of a group: no rollout starts on its nodes."""
    if state not in ("on", "off"):
        raise stopped("say on or off")
    with opened(place) as (client, base):
        group = group_named(client, base, name)
        client.request("PUT", f"{base}/groups/{group['id']}/maintenance", json={"on": state == "on"})
    typer.echo(f"Maintenance of {name} is {state}.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(login)
    app.command()(logout)
    app.add_typer(nodes, name="nodes")
    app.add_typer(groups, name="groups")


def _client(kept: Login) -> ApiClient:
    client = ApiClient(kept.url)
    client.resume(kept.cookies, kept.csrf_token)
    return client


@contextmanager
def opened(place: str) -> Iterator[tuple[ApiClient, str]]:
    """Open the API of an environment: a client, and the path that its routes begin with."""
    organization, slash, environment = place.partition("/")
    if not slash or not organization or not environment:
        raise stopped("say where as organisation/environment, with --in or VECTORFLOW_IN")
    with _client(login_read(session_file())) as client, _said():
        yield client, f"/orgs/{organization}/environments/{environment}"


@contextmanager
def opened_organization(place: str) -> Iterator[tuple[ApiClient, str]]:
    """Open the API of an organisation, which may be named with an environment: a client, and the path of its routes."""
    organization = place.partition("/")[0]
    if not organization:
        raise stopped("say which organisation, with --in or VECTORFLOW_IN")
    with _client(login_read(session_file())) as client, _said():
        yield client, f"/orgs/{organization}"


@contextmanager
def _said() -> Iterator[None]:
    """Say in a sentence what the API refused, or that it cannot be reached."""
    try:
        yield
    except ApiRefused as error:
        hint = "; sign in again with: vectorflow login" if error.status == 401 else ""
        raise stopped(f"{error}{hint}") from None
    except ApiUnreachable as error:
        raise stopped(f"the server cannot be reached: {error}") from None


def pages(client: ApiClient, path: str, wanted: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    """Yield the items of a list, page by page."""
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = client.request("GET", path, params={**given, **more, "limit": _PAGE})
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def node_named(client: ApiClient, base: str, name: str) -> dict[str, Any]:
    """Return a node by its name or id. Exits when there is none."""
    found = _one(pages(client, f"{base}/nodes", {"q": name}), name)
    if found is None:
        try:
            return dict(client.request("GET", f"{base}/nodes/{name}"))
        except ApiRefused as error:
            if error.status == 404:
                raise stopped(f"there is no node {name} here, or there are several of this name") from None
            raise
    return dict(client.request("GET", f"{base}/nodes/{found['id']}"))


def group_named(client: ApiClient, base: str, name: str) -> dict[str, Any]:
    """Return a group by its name or id. Exits when there is none."""
    found = _one(iter(client.request("GET", f"{base}/groups")["items"]), name)
    if found is None:
        raise stopped(f"there is no group {name} here")
    return found


def _one(items: Iterator[dict[str, Any]], name: str) -> dict[str, Any] | None:
    found = [each for each in items if name in (each["name"], each["id"])]
    return found[0] if len(found) == 1 else None


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under their heads."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        typer.echo(
            "  ".join(printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def printable(text: str) -> str:
    """Names come from machines: let none of them steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def stopped(message: str) -> SystemExit:
    """Say why, and return what ends the command."""
    typer.echo(f"vectorflow: {message}", err=True)
    return SystemExit(1)
