"""Control groups as files in a folder: what is written where. No kernel holds these limits."""

import pytest

from vectorflow_agent.core.policy import Limits
from vectorflow_agent.shell.cgroups import cgroups_open

UNIT = "system.slice/vectorflow-agent.service"


@pytest.fixture
def proc(tmp_path):
    root = tmp_path / "cgroup" / UNIT
    (root / "agent").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu io memory pids\n")
    (root / "cgroup.subtree_control").write_text("")
    made = tmp_path / "proc"
    made.mkdir()
    (made / "cgroup").write_text(f"1:name=x:/y\n0::/{UNIT}/agent\n")
    (made / "mountinfo").write_text(f"30 20 0:26 / {tmp_path}/cgroup rw - cgroup2 cgroup2 rw\n")
    return made


def test_an_engine_gets_a_group_with_the_nodes_limits(proc, tmp_path):
    root = tmp_path / "cgroup" / UNIT
    groups = cgroups_open(proc=proc)
    assert groups is not None
    assert (root / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    made = groups.make("p1", Limits(memory_bytes=1000, processes=9, cpus=1.5))
    assert made == str(root / "engine-p1")
    assert (root / "engine-p1/memory.max").read_text() == "1000"
    assert (root / "engine-p1/pids.max").read_text() == "9"
    assert (root / "engine-p1/cpu.max").read_text() == "150000 100000"
    assert groups.make("p2", Limits(open_files=10)) == ""


@pytest.mark.parametrize("own", ["/", f"/{UNIT}", "/../elsewhere"])
def test_only_a_part_that_was_handed_over_is_divided(proc, own):
    (proc / "cgroup").write_text(f"0::{own}\n")
    assert cgroups_open(proc=proc) is None


def test_without_controllers_there_are_no_groups(proc, tmp_path):
    (tmp_path / "cgroup" / UNIT / "cgroup.controllers").write_text("hugetlb\n")
    assert cgroups_open(proc=proc) is None
