"""Vectors on this machine that nobody manages from afar: they are left alone, and could be taken over."""

from collections.abc import Iterator
from typing import Final

from vectorflow_agent.adopt.asking import seen_here
from vectorflow_agent.adopt.journal import JournalDamaged, journals
from vectorflow_agent.adopt.types import Step
from vectorflow_agent.doctor.catalogue import finding
from vectorflow_agent.doctor.types import Fact, Finding
from vectorflow_agent.settings import Settings

_OVER: Final = frozenset({Step.REFUSED, Step.ROLLED_BACK, Step.RETURNED})


def look_at_vectors(settings: Settings) -> Iterator[Fact | Finding]:
    """Each Vector that runs or would be started here beside the agent's own engines, and how it could be taken over."""
    taken: set[str] = set()
    try:
        for record in journals(settings.state):
            yield Fact("adopted", f"{record.id} by the pipeline {record.pipeline}: {record.step}")
            if record.step not in _OVER:
                taken.add(record.id)
    except JournalDamaged as error:
        yield finding("adopt.damaged", str(error))
    for seen in seen_here(settings):
        found = seen.found
        if found.id in taken:
            continue
        running = f"runs as process {found.pid}" if found.pid else "does not run now"
        choice = f"--unit {found.id}" if found.unit else f"--pid {found.pid}"
        yield finding(
            "vector.unmanaged",
            f"{found.id} {running}: vectorflow-agent adopt take-over {choice} --pipeline NAME",
        )
        for remark in found.remarks:
            if remark.blocks:
                yield finding("vector.blocked", f"{found.id}: {remark.message}")
