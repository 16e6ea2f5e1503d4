"""The verdict on a chaos run, from what stood in the process table and what came to the receiver.

Nothing here asks the product how it is. Every engine process that ended must have an explanation; afterwards
every node must run what it was assigned, once; and every numbered report must be stored.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

OVERLAP_SECONDS = 0.3
"""So long another engine of the pipeline must have run before one may be retired: less than an engine's settling."""

Place = tuple[str, str]
"""Node and pipeline."""


@dataclass
class Life:
    """One engine process: first and last sample it was seen in, and the first in which it was gone.

    A sampler that had to wait for its turn sees late; what an engine did in between is not held against it.
    """

    pid: int
    started: str
    place: Place
    first: float
    last: float
    gone: float

    @property
    def born(self) -> float:
        """When it began: the kernel says so in ticks of the same clock, else the first look counts."""
        return int(self.started) / os.sysconf("SC_CLK_TCK") if self.started.isdigit() else self.first


@dataclass
class Evidence:
    """What the outside saw. `exclusive` are pipelines whose hand-over is to drain and start anew, with the
    times at which something new was ordered for them, a stop included."""

    samples: list[tuple[float, list[tuple[int, str, str, str]]]]
    killed: set[int] = field(default_factory=set)
    agents_killed: list[tuple[float, str]] = field(default_factory=list)
    """When the agent of a node was killed: one that was in the midst of a hand-over does it again."""
    exclusive: dict[str, list[float]] = field(default_factory=dict)
    assigned: dict[Place, int] = field(default_factory=dict)
    """The mark of the revision that each node should run at the end."""
    ordered: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    """The last acknowledged order for each pipeline, as mark or None for a stop, then what was ordered after it
    without an answer, which may have been carried out or not."""
    seen: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Mark and process of the last id of each."""
    doubled: int = 0
    """Ids that came twice."""
    sequences: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Numbers of the reports stored for each node."""
    numbered: Mapping[str, int] = field(default_factory=dict)
    """The last number that each node gave."""
    applied: Iterable[tuple[str, str, int]] = ()
    """Node, pipeline and revision of each stored report that one was applied."""


def lives(samples: Sequence[tuple[float, list[tuple[int, str, str, str]]]]) -> list[Life]:
    """Every engine process of the run."""
    found: dict[tuple[int, str], Life] = {}
    times = [at for at, _ in samples]
    for (at, engines), following in zip(samples, [*times[1:], times[-1]], strict=True):
        for pid, started, node, pipeline in engines:
            life = found.setdefault((pid, started), Life(pid, started, (node, pipeline), at, at, following))
            life.last, life.gone = at, following
    return list(found.values())


def violations(evidence: Evidence) -> list[str]:
    """Everything that must not have happened, each in a sentence; an empty list acquits."""
    return [
        *_unexplained_ends(evidence),
        *_wrong_at_the_end(evidence),
        *_other_than_ordered(evidence),
        *_reports(evidence),
        *([f"{evidence.doubled} ids came twice"] if evidence.doubled else []),
    ]


def _unexplained_ends(evidence: Evidence) -> list[str]:
    end = evidence.samples[-1][0]
    by_place: dict[Place, list[Life]] = defaultdict(list)
    for life in lives(evidence.samples):
        by_place[life.place].append(life)
    found = []
    for place, there in by_place.items():
        ended = [life for life in there if life.last < end and life.pid not in evidence.killed]
        bare = [life for life in ended if not any(_covered(life, other, evidence.killed) for other in there)]
        reasons = _reasons(evidence, place)
        for number, life in enumerate(sorted(bare, key=lambda life: life.last), start=1):
            # Each order, and each agent killed in the midst of one, explains one end.
            if sum(at <= life.gone for at in reasons) < number:
                found.append(
                    f"{place[0]}/{place[1]}: engine {life.pid} ended at {life.last:.1f} s, nobody had killed it, "
                    "and no other had been running"
                )
    return found


def _reasons(evidence: Evidence, place: Place) -> list[float]:
    """The times after which an engine may have been stopped with no other beside it, one engine for each."""
    orders = list(evidence.exclusive.get(place[1], ()))
    if not orders:
        return []
    return orders + [at for at, node in evidence.agents_killed if node == place[0]]


def _covered(life: Life, other: Life, killed: set[int]) -> bool:
    """Whether the other ran before this one ended, long enough, and after it, unless it was killed."""
    if other is life:
        return False
    before = other.born <= life.gone - OVERLAP_SECONDS
    return before and (other.last > life.last or (other.pid in killed and other.last >= life.first))


def _wrong_at_the_end(evidence: Evidence) -> list[str]:
    there: dict[Place, list[int]] = defaultdict(list)
    for pid, _, node, pipeline in evidence.samples[-1][1]:
        there[(node, pipeline)].append(pid)
    found = []
    for place in sorted({*evidence.assigned, *there}):
        running, mark = there.get(place, []), evidence.assigned.get(place)
        if mark is None:
            found.append(f"{place[0]}/{place[1]}: runs, but was not assigned or was to stop")
        elif len(running) != 1:
            found.append(f"{place[0]}/{place[1]}: {len(running)} engines run instead of one")
        elif evidence.seen.get(place) != (mark, running[0]):
            found.append(
                f"{place[0]}/{place[1]}: assigned revision {mark} in process {running[0]}, "
                f"but the last id came from {evidence.seen.get(place)}"
            )
    return found


def _other_than_ordered(evidence: Evidence) -> list[str]:
    nodes = sorted({*evidence.numbered, *(node for node, _ in evidence.assigned)})
    return [
        f"{node}/{pipeline}: {evidence.assigned.get((node, pipeline))} is assigned, but the last orders were {orders}"
        for pipeline, orders in evidence.ordered.items()
        for node in nodes
        if evidence.assigned.get((node, pipeline)) not in orders
    ]


def _reports(evidence: Evidence) -> list[str]:
    found = []
    for node, last in evidence.numbered.items():
        stored = list(evidence.sequences.get(node, ()))
        missing = sorted(set(range(1, last + 1)) - set(stored))
        if missing:
            found.append(f"{node}: reports {missing[:10]} of {last} are not stored")
        if len(stored) != len(set(stored)) or (stored and max(stored) > last):
            found.append(f"{node}: more reports are stored than were made")
    applied = {(node, pipeline) for node, pipeline, _ in evidence.applied}
    found += [
        f"{node}/{pipeline}: no report that anything was applied"
        for node, pipeline in sorted(set(evidence.assigned) - applied)
    ]
    return found
