"""`vectorflow-agent doctor`: looks everywhere, tells facts and findings, and writes the support bundle."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.doctor import local, verified
from vectorflow_agent.doctor.bundle import bundle_write
from vectorflow_agent.doctor.catalogue import finding
from vectorflow_agent.doctor.network import look_at_gateway
from vectorflow_agent.doctor.types import Diagnosis, Fact, Finding, Severity
from vectorflow_agent.doctor.unmanaged import look_at_vectors
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.clock import now_ms

Look = Callable[[Settings], Iterable[Fact | Finding]]

_LOOKS: Final[tuple[Look, ...]] = (
    local.look_at_settings,
    local.look_at_enrolment,
    local.look_at_policy,
    local.look_at_state,
    local.look_at_spool,
    local.look_at_secrets,
    local.look_at_users,
    local.look_at_engine,
    local.look_at_agent,
    verified.look_at_bundle,
    verified.look_at_contact,
    verified.look_at_engines,
    look_at_vectors,
    lambda settings: asyncio.run(look_at_gateway(settings)),
)
_WORDS: Final = {Severity.ERROR: "FAIL", Severity.WARNING: "warn", Severity.NOTE: "note"}
_ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def diagnose(settings: Settings, unusable: str = "") -> Diagnosis:
    """Look at everything. Never raises: a look that fails is itself a finding.

    `unusable` says why the settings could not be read; these are the defaults then.
    """
    said: list[Fact | Finding] = [finding("settings.invalid", unusable)] if unusable else []
    for look in _LOOKS[1:] if unusable else _LOOKS:
        try:
            said.extend(look(settings))
        except Exception as error:
            # One look that stumbles must not hide what the others see.
            said.append(finding("doctor.failed", f"{look.__name__}: {type(error).__name__}: {error}"))
    findings = sorted(
        (each for each in said if isinstance(each, Finding)), key=lambda each: _ORDER.index(each.severity)
    )
    return Diagnosis(
        at=now_ms(),
        version=__version__,
        healthy=all(each.severity != Severity.ERROR for each in findings),
        facts=tuple(each for each in said if isinstance(each, Fact)),
        findings=tuple(findings),
    )


def doctor(
    settings: Settings,
    *,
    format: str = "text",
    bundle: Path | None = None,
    unusable: str = "",
) -> int:
    """Print the diagnosis, or write the support bundle. 0: no errors, 1: errors."""
    diagnosis = diagnose(settings, unusable)
    if bundle is not None:
        try:
            size = bundle_write(bundle, settings, diagnosis)
        except OSError as error:
            sys.stderr.write(f"vectorflow-agent: {bundle} cannot be written: {error.strerror}\n")
            return 1
        sys.stdout.write(f"{bundle}, {size} bytes: look through it before you send it\n")
        return 0
    if format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(diagnosis)).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(diagnosis))
    return 0 if diagnosis.healthy else 1


def _lines(diagnosis: Diagnosis) -> Iterable[str]:
    for fact in diagnosis.facts:
        yield _clean(f"ok    {fact.topic:9} {fact.text}")
    for each in diagnosis.findings:
        yield _clean(f"{_WORDS[each.severity]:5} {each.id:9} {each.detail}")
        yield f"      {'':9} {each.means}"
        yield f"      {'':9} -> {each.do}"


def _clean(text: str) -> str:
    # Parts of it come from outside: file names, answers, the engine's words.
    return "".join(letter if letter.isprintable() else " " for letter in text)
