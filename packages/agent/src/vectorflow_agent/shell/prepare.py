"""Everything that must be true before a process is started: files fetched and checked, policy kept,
secrets opened and fitting, the node's own configuration written, the engine's validation passed."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from vectorflow_agent.core.failures import CONFIG_ERROR_EXIT, clean_lines, reason_of, reason_of_error
from vectorflow_agent.core.offline import WITHHELD
from vectorflow_agent.core.policy import reserved, store_violations, violations
from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.confinement import Confinement
from vectorflow_agent.shell.context import Context, PortsTaken
from vectorflow_agent.shell.disk import (
    PipelineLayout,
    folder,
    readable,
    remove_tree,
    sha256_hex,
    write_atomic,
)
from vectorflow_agent.shell.engines import Checked, Engine, EngineMissing
from vectorflow_agent.shell.instances import Instance, Places, last_ports, node_configuration, places
from vectorflow_agent.shell.secrets import (
    BACKEND,
    SecretsUnusable,
    document,
    escaped,
    filled,
    put_in_place,
    resolved,
    resolved_check,
    secrets_remove,
    secrets_write,
)
from vectorflow_agent.shell.users import UsersExhausted, hand_over
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import ReportReason
from vectorflow_wire.sealing import SealedRefused, unseal

_FETCH_TRIES: Final = 3
_HEX: Final = frozenset("0123456789abcdef")


class NotPrepared(Exception):
    """A specification cannot be started here; says why. `patience`: not to be tried for so many seconds."""

    def __init__(
        self,
        reason: str,
        message: str,
        output: tuple[str, ...] = (),
        *,
        transient: bool = False,
        patience: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.output = output
        self.transient = transient
        self.patience = patience


async def prepare(context: Context, spec: BundlePipeline, instance: int, *, check: bool) -> Instance:
    """Make an instance ready to start. Raises NotPrepared, and then nothing of it is left."""
    _may_open(context, spec)
    made = _numbered(
        context, spec, instance, await asyncio.to_thread(last_ports, context.layout.pipeline(spec.id))
    )
    try:
        await _prepare(context, made, check=check)
    except Exception:
        await discard(context, made)
        raise
    return made


def _numbered(
    context: Context, spec: BundlePipeline, instance: int, remembered: tuple[int, int] = (0, 0)
) -> Instance:
    """An instance with two ports of its own. Raises NotPrepared."""
    try:
        api, metrics = context.ports.take(remembered)
    except PortsTaken as error:
        raise NotPrepared(ReportReason.PORT_IN_USE, str(error), transient=True) from error
    return Instance(instance=instance, spec=spec, api_port=api, metrics_port=metrics)


async def discard(context: Context, made: Instance) -> None:
    """Give back what an instance holds that will never start: ports, opened secrets, its folder."""
    context.ports.give_back(made.api_port, made.metrics_port)
    at = places(context, made.spec.id, made.instance)
    await asyncio.to_thread(secrets_remove, at.secrets)
    await asyncio.to_thread(remove_tree, at.folder)


async def _prepare(context: Context, made: Instance, *, check: bool) -> None:
    spec = made.spec
    at = places(context, spec.id, made.instance)
    try:
        text = await _configuration(context, at.layout, spec)
        config = _own(text)
        values = secret_values(context, spec)
        placed = put_in_place(at.secrets, values, secret_files(spec))
        resolved_check(text, placed, {store.name for store in spec.stores})
        _allowed(context, config, spec, placed)
        confinement = await asyncio.to_thread(context.confiner.of, spec.id)
        await asyncio.to_thread(_write, at, made, text, values, confinement)
        if check:
            engine = await context.engine(spec.id)
            checked = await _checked(
                context, engine, at, made, text=resolved(text, placed), confinement=confinement
            )
            if checked.exit_code != 0:
                raise _refusal(checked, blots(values))
    except UsersExhausted as error:
        raise NotPrepared(ReportReason.PERMISSION_DENIED, str(error), transient=True) from error
    except SecretsUnusable as error:
        raise NotPrepared(ReportReason.SECRET_UNREADABLE, str(error)) from error
    except EngineMissing as error:
        raise NotPrepared(ReportReason.ENGINE_MISSING, str(error), transient=True) from error
    except OSError as error:
        message = f"the agent cannot write its files: {error.strerror or error} ({error.filename or 'state folder'})"
        raise NotPrepared(reason_of_error(error), message, transient=True) from error


async def check_with(context: Context, engine: Engine, spec: BundlePipeline, instance: int) -> None:
    """Let another engine check a specification; nothing that runs is touched. Raises NotPrepared."""
    at = places(context, spec.id, instance)
    _may_open(context, spec)
    made = _numbered(context, spec, instance)
    try:
        text = await _configuration(context, at.layout, spec)
        values = secret_values(context, spec)
        placed = put_in_place(at.secrets, values, secret_files(spec))
        confinement = await asyncio.to_thread(context.confiner.of, spec.id)
        checked = await _checked(
            context, engine, at, made, text=resolved(text, placed), confinement=confinement
        )
    except (UsersExhausted, SecretsUnusable, OSError) as error:
        raise NotPrepared(ReportReason.AGENT_ERROR, str(error), transient=True) from error
    finally:
        context.ports.give_back(made.api_port, made.metrics_port)
    if checked.exit_code != 0:
        raise _refusal(checked, blots(values))


def _may_open(context: Context, spec: BundlePipeline) -> None:
    if spec.secrets and not context.contact.may_open:
        raise NotPrepared(ReportReason.SECRET_UNREADABLE, WITHHELD, transient=True)


def secret_values(context: Context, spec: BundlePipeline) -> dict[str, str]:
    """Open the sealed secrets of a specification. Raises NotPrepared."""
    enrolment = context.enrolment
    if not spec.secrets:
        return {}
    if enrolment is None:
        raise NotPrepared(
            ReportReason.SECRET_UNREADABLE, "this node is not enrolled, so no secret can be opened"
        )
    try:
        return {
            secret.name: unseal(
                secret,
                organization=enrolment.organization,
                node=enrolment.node_id,
                private=context.identity.sealing.private(secret.key) or b"\0" * 32,
            )
            for secret in spec.secrets
        }
    except SealedRefused as error:
        raise NotPrepared(ReportReason.SECRET_UNREADABLE, str(error)) from error


def secret_files(spec: BundlePipeline) -> frozenset[str]:
    """The names of the secrets that the engine needs as files."""
    return frozenset(secret.name for secret in spec.secrets if secret.file)


def blots(values: Mapping[str, str]) -> tuple[str, ...]:
    """Secret values in both forms in which an engine could print them."""
    return tuple({form for value in values.values() for form in (value, escaped(value))})


async def _configuration(context: Context, layout: PipelineLayout, spec: BundlePipeline) -> str:
    for reference in spec.files:
        await _fetched(context, layout.files / _hash(reference.sha256), reference.sha256)
    data = await _fetched(context, layout.revision(_hash(spec.revision)), spec.revision)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotPrepared(ReportReason.CONFIG_INVALID, "the configuration is not UTF-8 text") from error


def _hash(text: str) -> str:
    # It becomes a file name, so nothing else may pass.
    if len(text) != 64 or not _HEX.issuperset(text):
        raise NotPrepared(
            ReportReason.CONFIG_INVALID, "the bundle names a file by something else than SHA-256"
        )
    return text


async def _fetched(context: Context, path: Path, sha256: str) -> bytes:
    """A file by its hash: from disk if it is there and whole, else from the gateway."""
    stored = await asyncio.to_thread(_read_checked, path, sha256)
    if stored is not None:
        return stored
    for _ in range(_FETCH_TRIES):
        try:
            data = await context.fetch(sha256)
        except GatewayError as error:
            message = f"file {sha256[:12]}… cannot be fetched: {error}"
            raise NotPrepared(
                ReportReason.FILE_UNAVAILABLE, message, transient=True, patience=error.patience()
            ) from error
        if sha256_hex(data) == sha256:
            await asyncio.to_thread(write_atomic, path, data)
            return data
    raise NotPrepared(
        ReportReason.FILE_MISMATCH, f"file {sha256[:12]}… came {_FETCH_TRIES} times with other content"
    )


def _read_checked(path: Path, sha256: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data if sha256_hex(data) == sha256 else None


def _own(text: str) -> dict[str, Any]:
    try:
        config = document(text)
    except SecretsUnusable as error:
        raise NotPrepared(ReportReason.CONFIG_INVALID, str(error)) from error
    if not isinstance(config, dict):
        raise NotPrepared(ReportReason.CONFIG_INVALID, "the configuration is not a mapping")
    if found := reserved(config):
        raise NotPrepared(ReportReason.CONFIG_INVALID, "; ".join(found))
    return config


def _allowed(
    context: Context, config: dict[str, Any], spec: BundlePipeline, placed: Mapping[str, str]
) -> None:
    """Judge what the engine will read: with the secrets in it. It must have been checked that they only fill texts."""
    held = {f"SECRET[{BACKEND}.{name}]" for name in secret_files(spec)}
    found = [
        *violations(context.policy, config, held, lambda text: filled(text, placed)),
        *store_violations(context.policy, spec.stores),
    ]
    if found:
        raise NotPrepared(ReportReason.POLICY, "the node's policy refuses this: " + "; ".join(found[:5]))


def _write(
    at: Places, made: Instance, text: str, values: Mapping[str, str], confinement: Confinement
) -> None:
    group = confinement.group
    for path in (at.layout.root, at.layout.files, at.layout.instances, at.folder):
        folder(path, group)
    for reference in made.spec.files:
        readable(at.layout.files / reference.sha256, group)
    folder(at.layout.data)
    if confinement.account is not None:
        hand_over(at.layout.data, confinement.account)
    write_atomic(at.configuration, text.encode(), group=group)
    node = json.dumps(node_configuration(at, made), indent=1)
    write_atomic(at.node_configuration, node.encode(), group=group)
    write_atomic(at.record, msgspec.json.encode(made))
    folder(at.runtime, group)
    secrets_write(at.secrets, values, files=secret_files(made.spec), group=group)


async def _checked(
    context: Context, engine: Engine, at: Places, made: Instance, *, text: str, confinement: Confinement
) -> Checked:
    """Let the engine check the document as it will really run, with the secrets in it.

    Vector's validation leaves `SECRET[…]` as it stands, so a wrong value would only be found when the
    engine starts. The document with the secrets lies in memory for as long as the check takes.
    """
    node = {name: part for name, part in node_configuration(at, made).items() if name != "secret"}
    files = {at.trial / "pipeline.yaml": text, at.trial / "node.yaml": json.dumps(node)}
    try:
        await asyncio.to_thread(folder, at.trial, confinement.group)
        for file, content in files.items():
            await asyncio.to_thread(write_atomic, file, content.encode(), group=confinement.group, sync=False)
        return await engine.check(
            list(files),
            folder=at.layout.root,
            log=at.trial / "validate.log",
            environment=context.environment(made.spec.id),
            confinement=confinement,
        )
    finally:
        await asyncio.to_thread(remove_tree, at.trial)


def _refusal(checked: Checked, values: tuple[str, ...]) -> NotPrepared:
    output = clean_lines(checked.output, values)
    reason = reason_of(output, checked.exit_code)
    if checked.exit_code == CONFIG_ERROR_EXIT or reason == ReportReason.EXITED:
        message = "the engine's validation refused the configuration"
    else:
        message = f"the engine's validation failed ({reason})"
    if reason == ReportReason.EXITED:
        reason = ReportReason.CONFIG_INVALID
    return NotPrepared(reason, message, output)
