"""What this node last verified, verified once more from the disk, and the engines that run of it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from vectorflow_agent.core.offline import Standing, standing
from vectorflow_agent.doctor.catalogue import finding
from vectorflow_agent.doctor.types import Fact, Finding
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.contact import contact_read, moment_now
from vectorflow_agent.shell.disk import Layout, read_optional
from vectorflow_agent.shell.identity import Enrolment, enrolment_read
from vectorflow_agent.shell.instances import Instance
from vectorflow_agent.shell.loopback import Loopback
from vectorflow_agent.shell.processes import ProcessId, identify
from vectorflow_wire import keys
from vectorflow_wire.bundles import Bundle, DesiredAnswer
from vectorflow_wire.envelope import Envelope
from vectorflow_wire.verify import BundleRefused, Trust, verify_bundle

_SECONDS: Final = 1000


def look_at_bundle(settings: Settings) -> Iterator[Fact | Finding]:
    """The stored desired state: generation, who signed it, when, until when."""
    layout = Layout(settings.state)
    try:
        enrolment = enrolment_read(layout)
        stored = read_optional(layout.desired)
    except (OSError, ValueError):
        # Told about as damage or as closed.
        return
    if enrolment is None:
        return
    if stored is None:
        yield finding("bundle.none", f"{layout.desired} is not there")
        return
    try:
        bundle, signers = _verified(stored, enrolment)
    except (BundleRefused, keys.KeyListRefused, msgspec.MsgspecError) as error:
        yield finding("bundle.unbelievable", f"{layout.desired}: {error}")
        return
    count = len(bundle.pipelines)
    yield Fact("verified", f"generation {bundle.generation}, issue {bundle.issue}, {count} pipelines")
    yield Fact("verified", f"signed by {', '.join(signers)} of key list {bundle.keys_version}")
    yield Fact("verified", f"issued {_time(bundle.issued_at)}, to be renewed by {_time(bundle.expires_at)}")
    if bundle.pending:
        yield finding("bundle.none", "a person has yet to admit this node")
    if now_ms() > bundle.half_life_at:
        yield finding("bundle.stale", f"past its half life since {_time(bundle.half_life_at)}")


def look_at_contact(settings: Settings) -> Iterator[Fact | Finding]:
    """How long secrets may stay here without a word of the control plane."""
    found = contact_read(Layout(settings.state))
    if found is None:
        return
    contact = found[0]
    since, until = _time(contact.at), _time(contact.over_at)
    match standing(contact, moment_now()):
        case Standing.OVER:
            yield finding("secrets.withheld", f"no word of the control plane since {since}")
        case Standing.HALF:
            yield finding("secrets.ending", f"no word of the control plane since {since}: removed at {until}")
        case _:
            yield Fact("secrets", f"may stay until {until} without a newer bundle")


def look_at_engines(settings: Settings) -> Iterator[Fact | Finding]:
    """Engines that run: process, ports on the loopback address, whether they answer."""
    running = list(_running(Layout(settings.state)))
    answers = asyncio.run(_healthy([each.api_port for each in running]))
    for each, healthy in zip(running, answers, strict=True):
        name = f"{each.spec.id} engine {each.instance}: process {each.pid}"
        yield Fact(
            "engines", f"{name}, health 127.0.0.1:{each.api_port}, metrics 127.0.0.1:{each.metrics_port}"
        )
        if not healthy:
            yield finding("engine.silent", f"{name} does not answer on 127.0.0.1:{each.api_port}")


def _running(layout: Layout) -> Iterator[Instance]:
    for record in sorted(layout.pipelines.glob("*/engines/*/engine.json")):
        try:
            instance = msgspec.json.decode(record.read_bytes(), type=Instance)
        except (OSError, msgspec.MsgspecError):
            continue
        if instance.pid and identify(instance.pid) == ProcessId(instance.pid, instance.started):
            yield instance


async def _healthy(ports: list[int]) -> list[bool]:
    loopback = Loopback()
    try:
        return await asyncio.gather(*(loopback.healthy(port) for port in ports))
    finally:
        await loopback.close()


def _verified(stored: bytes, enrolment: Enrolment) -> tuple[Bundle, list[str]]:
    answer = msgspec.json.decode(stored, type=DesiredAnswer)
    key_list = keys.key_list_verify(
        bytes(answer.keys),
        root_public=enrolment.root_public,
        organization=enrolment.organization,
        last_version=0,
        now=None,
    )
    bundle = verify_bundle(
        bytes(answer.bundle),
        trust=Trust(keys=key_list),
        node=enrolment.node_id,
        organization=enrolment.organization,
        last=None,
        now=None,
    )
    known = {key.id for key in key_list.keys}
    signed = msgspec.json.decode(bytes(answer.bundle), type=Envelope)
    return bundle, [each.keyid for each in signed.signatures if each.keyid in known]


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / _SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
