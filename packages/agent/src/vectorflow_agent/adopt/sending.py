"""Telling the control plane which Vectors were found, when somebody here asks for that.

Texts of configurations are sent only when asked for as well. Each value of an option with a secret's name becomes
a variable, `${COMPONENT_OPTION}`, which the import turns into a secret to be given its value there.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from vectorflow_agent.adopt.asking import NotAsked
from vectorflow_agent.adopt.configuration import parsed
from vectorflow_agent.adopt.taking import now_ms
from vectorflow_agent.adopt.types import Seen
from vectorflow_agent.core.redaction import Redactor, looks_sensitive
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.disk import Layout
from vectorflow_agent.shell.identity import enrolment_read
from vectorflow_wire.found import MOST_VECTORS, FoundFile, FoundRemark, FoundVector, FoundVectors

_NOT_NAME = re.compile(r"[^A-Za-z0-9]+")
_UNSAID = frozenset({"sources", "transforms", "sinks", "auth", "request", "headers"})


def told(seen: Sequence[Seen], *, texts: bool) -> FoundVectors:
    """What is sent of the Vectors that were found."""
    return FoundVectors(at=now_ms(), vectors=tuple(_told(each, texts=texts) for each in seen[:MOST_VECTORS]))


def send(settings: Settings, found: FoundVectors) -> None:
    """Send it as this node. Raises NotAsked."""
    enrolment = enrolment_read(Layout(settings.state))
    if enrolment is None:
        raise NotAsked("this machine is not enrolled, so there is nobody to tell")
    try:
        asyncio.run(_send(settings, enrolment.node_token, found))
    except GatewayError as error:
        raise NotAsked(str(error)) from error


async def _send(settings: Settings, token: str, found: FoundVectors) -> None:
    gateway = Gateway(settings.url, ca_file=settings.ca_file)
    try:
        await gateway.found(token, found)
    finally:
        await gateway.close()


def _told(seen: Seen, *, texts: bool) -> FoundVector:
    found = seen.found
    redactor = Redactor(value for name, value in seen.environment.items() if looks_sensitive(name))
    files = tuple(
        FoundFile(path=file.path, problem=file.problem)
        if not texts or file.problem
        else FoundFile(path=_path(seen, file.path), text=_text(seen, file.path, redactor))
        for file in found.files
    )
    return FoundVector(
        id=found.id,
        unit=found.unit is not None,
        pid=found.pid,
        user=found.user,
        version=found.version,
        data_dir=found.data_dir,
        directory=bool(found.directory),
        interpolates=texts or found.interpolates,
        components=found.components,
        addresses=found.addresses,
        environment=found.environment,
        files=files,
        remarks=tuple(
            FoundRemark(id=r.id, message=redactor.text(r.message), blocks=r.blocks) for r in found.remarks
        ),
    )


def _path(seen: Seen, path: str) -> str:
    """As it is imported: the text is YAML now, and files of a directory are named from there."""
    place = Path(path)
    if seen.found.directory:
        directory = (Path(seen.found.folder) / seen.found.directory).resolve()
        if place.resolve().is_relative_to(directory):
            place = place.resolve().relative_to(directory)
    return str(place.with_suffix(".yaml"))


def _text(seen: Seen, path: str, redactor: Redactor) -> str:
    value = parsed(Path(path), seen.texts[path])
    if not seen.found.interpolates:
        value = _escaped(value)
    # What belongs to the node is not the pipeline's.
    value = {key: inner for key, inner in value.items() if key not in {"data_dir", "api"}}
    return yaml.safe_dump(redactor.data(value, _variable), sort_keys=False, allow_unicode=True)


def _escaped(value: Any) -> Any:
    """A dollar as it is, for whoever reads this as interpolated."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return value


def _variable(path: tuple[str, ...]) -> str:
    words = [_NOT_NAME.sub("_", each).strip("_") for each in path if each not in _UNSAID]
    return "${" + "_".join(word.upper() for word in words if word) + "}"
