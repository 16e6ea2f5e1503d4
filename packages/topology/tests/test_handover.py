import pytest

from vectorflow_topology.handover import handover, root_digest
from vectorflow_topology.surroundings import Surroundings


def pipeline(build, part, *components, **more):
    return build(
        part.source("calm", "demo_logs", format="json"), *components, part.sink(), edges="calm>out", **more
    )


@pytest.mark.parametrize(
    "component",
    [
        {"kind": "source", "type": "file", "options": {"include": ["/a"]}},
        {"kind": "source", "type": "http_server", "options": {"address": "VAR[a]"}},
        {"kind": "source", "type": "stdin"},
        {"kind": "sink", "type": "prometheus_exporter"},
        {"kind": "sink", "type": "blackhole", "options": {"buffer": {"type": "disk", "max_size": 268435488}}},
        {"kind": "sink", "type": "blackhole", "options": {"buffer": [{"type": "memory"}, {"type": "disk"}]}},
        {"kind": "source", "type": "never_heard_of"},
    ],
)
def test_what_is_held_alone_cannot_run_twice(build, part, component):
    held = pipeline(build, part, {"id": "held", **component})
    calm = pipeline(build, part)
    assert handover(held, held) == "reload"
    assert handover(calm, held) == "reload"
    assert handover(held, calm) == "reload"
    off = pipeline(build, part, {"id": "held", "enabled": False, **component})
    assert handover(off, off) == "beside"


def test_calm_pipelines_go_side_by_side(build, part):
    assert handover(pipeline(build, part), pipeline(build, part, globals={"timezone": "UTC"})) == "beside"


def test_the_first_revision_tells_whether_others_may_run_beside_it(build, part):
    assert handover(None, pipeline(build, part)) == "beside"
    assert handover(None, pipeline(build, part, part.source("a", "file", include=[]))) == "restart"


def test_the_digest_of_the_root_settings_says_of_any_two_revisions_whether_one_can_be_reloaded(build, part):
    def digest(surroundings=None, **more):
        return root_digest(pipeline(build, part, **more), surroundings)

    utc = {"timezone": "UTC", "expire_metrics_secs": 60}
    plain = digest()
    assert digest(globals=utc) == digest(globals=dict(reversed(utc.items()))) != plain
    assert digest(globals=utc | {"timezone": "CET"}) != digest(globals=utc)
    lent = [Surroundings(variables={"z": zone}) for zone in ("UTC", "CET")]
    assert digest(lent[0], globals={"timezone": "VAR[z]"}) != digest(lent[1], globals={"timezone": "VAR[z]"})
    assert digest(lent[0]) == digest(lent[1]) == plain, "variables elsewhere are taken over by a reload"


def test_changed_globals_need_a_restart(build, part):
    old, new = (
        pipeline(build, part, part.source("a", "stdin"), globals={"timezone": zone})
        for zone in ("UTC", "CET")
    )
    assert handover(old, new) == "restart"
    variables = [{"z": {"type": "string", "value": zone}} for zone in ("UTC", "CET")]
    old, new = (
        pipeline(build, part, part.source("a", "stdin"), globals={"timezone": "VAR[z]"}, variables=each)
        for each in variables
    )
    assert handover(old, new) == "restart"
