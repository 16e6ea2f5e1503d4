"""Everything is killed at random during rollouts; an outside judge says what became of it.

This is the short form: few agents, one minute. The full size, twenty agents with three pipelines each and two
hundred kills in ten minutes, is `make chaos`.
"""

import os
from pathlib import Path

import pytest

from tests.e2e.chaos.judge import Evidence, violations
from tests.e2e.chaos.run import Chaos

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

A, B = ("node", "beside"), ("node", "restart")


def test_every_node_runs_its_assignment_after_all_kills(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, seed=5, agents=2, mutant=False)
    found = chaos.run(seconds=25, kills=15)
    print(chaos.summary())
    assert chaos.kills.total() >= 15
    assert chaos.rollouts >= 5
    assert chaos.stops >= 1
    assert not found, found


def test_agents_without_hand_over_are_convicted(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, seed=6, agents=2, mutant=True)
    found = chaos.run(seconds=20, kills=2)
    print(chaos.summary())
    assert [each for each in found if "nobody had killed it" in each], found


def _evidence(*lives: tuple[int, tuple[str, str], int, int], **fields: object) -> Evidence:
    """Samples each second for ten seconds; a life is a process, its place, and its first and last second."""
    samples = [
        (float(at), [(pid, "s", *place) for pid, place, first, last in lives if first <= at <= last])
        for at in range(10)
    ]
    known = {"assigned": {A: 2}, "seen": {A: (2, lives[-1][0])}, "applied": [("node", "beside", 2)]}
    return Evidence(samples=samples, **(known | fields))  # type: ignore[arg-type]


ACQUITTED = {
    "beside": _evidence((1, A, 0, 5), (2, A, 4, 9)),
    "killed and started again": _evidence((1, A, 0, 3), (2, A, 6, 9), killed={1}),
    "as often as was ordered": _evidence(
        (3, B, 0, 3), (4, B, 5, 6), (2, A, 0, 9), exclusive={"restart": [2.0, 6.0]}
    ),
    "done again by an agent that was killed": _evidence(
        (3, B, 0, 3), (4, B, 5, 6), (2, A, 0, 9), exclusive={"restart": [2.0]}, agents_killed=[(4.0, "node")]
    ),
    "a candidate that was taken back": _evidence((2, A, 3, 4), (1, A, 0, 9)),
    "as was ordered last": _evidence((2, A, 0, 9), ordered={"beside": [2], "restart": [None]}),
    "an order without an answer, carried out": _evidence((2, A, 0, 9), ordered={"beside": [1, 2]}),
    "an order without an answer, lost": _evidence((2, A, 0, 9), ordered={"beside": [2, 3]}),
}
_TICKS = os.sysconf("SC_CLK_TCK")
# The sampler slept from the second to the sixth second: the second engine began in the third, long before it was seen.
ACQUITTED["seen late"] = Evidence(
    samples=[
        (1.0, [(1, "100", *A)]),
        (2.0, [(1, "100", *A)]),
        (6.0, [(2, str(3 * _TICKS), *A)]),
        (7.0, [(2, str(3 * _TICKS), *A)]),
    ],
    assigned={A: 2},
    seen={A: (2, 2)},
    applied=[("node", "beside", 2)],
)
CONVICTED = {
    "stopped, then started": (_evidence((1, A, 0, 4), (2, A, 5, 9)), "nobody had killed it"),
    "begun after the other was gone": (
        Evidence(
            samples=[
                (1.0, [(1, "100", *A)]),
                (1.2, []),
                (1.3, [(2, str(int(1.25 * _TICKS)), *A)]),
                (2.0, [(2, str(int(1.25 * _TICKS)), *A)]),
            ],
            assigned={A: 2},
            seen={A: (2, 2)},
            applied=[("node", "beside", 2)],
        ),
        "nobody had killed it",
    ),
    "stopped": (_evidence((2, A, 0, 4)), "0 engines run"),
    "one that was to stop": (_evidence((2, A, 0, 9), assigned={}), "was to stop"),
    "two at once": (_evidence((1, A, 0, 9), (2, A, 4, 9)), "2 engines run"),
    "an older revision": (_evidence((2, A, 0, 9), seen={A: (1, 2)}), "the last id came from"),
    "runs what is assigned, which is older than the last order": (
        _evidence((2, A, 0, 9), ordered={"beside": [3]}),
        "node/beside: 2 is assigned, but the last orders were [3]",
    ),
    "assigned in spite of an order to stop": (
        _evidence((2, A, 0, 9), ordered={"beside": [None]}),
        "node/beside: 2 is assigned",
    ),
    "an order that one node never heard of": (
        _evidence((2, A, 0, 9), ordered={"beside": [2]}, numbered={"node": 0, "other": 0}),
        "other/beside: None is assigned",
    ),
    "a report is missing": (
        _evidence((2, A, 0, 9), numbered={"node": 3}, sequences={"node": [1, 3]}),
        "reports [2] of 3 are not stored",
    ),
    "a report is there twice": (
        _evidence((2, A, 0, 9), numbered={"node": 2}, sequences={"node": [1, 2, 2]}),
        "more reports are stored",
    ),
    "an id twice": (_evidence((2, A, 0, 9), doubled=1), "ids came twice"),
    "one restart more than was ordered": (
        _evidence((3, B, 0, 3), (4, B, 5, 6), (2, A, 0, 9), exclusive={"restart": [2.0]}),
        "nobody had killed it",
    ),
    "the agent of another node was killed": (
        _evidence(
            (3, B, 0, 3),
            (4, B, 5, 6),
            (2, A, 0, 9),
            exclusive={"restart": [2.0]},
            agents_killed=[(4.0, "other")],
        ),
        "nobody had killed it",
    ),
    "a restart that nobody ordered": (
        _evidence((1, B, 0, 3), (2, A, 0, 9), exclusive={"restart": [8.0]}),
        "nobody had killed it",
    ),
}


@pytest.mark.parametrize("evidence", ACQUITTED.values(), ids=ACQUITTED)
def test_the_judge_acquits(evidence: Evidence) -> None:
    assert violations(evidence) == []


@pytest.mark.parametrize(("evidence", "words"), CONVICTED.values(), ids=CONVICTED)
def test_the_judge_convicts(evidence: Evidence, words: str) -> None:
    assert words in "\n".join(violations(evidence))
