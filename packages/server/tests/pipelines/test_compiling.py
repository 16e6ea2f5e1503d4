import asyncio
import threading
import time

import pytest

from vectorflow.pipelines import compiling
from vectorflow.pipelines.compiling import MOST_WAITING, Workbench
from vectorflow.pipelines.errors import CheckingBusy
from vectorflow.pipelines.vrl import WorkerVrl
from vectorflow_topology.document import document_from_json
from vectorflow_topology.vrl import VrlDiagnostic


@pytest.fixture
def idle():
    workbench = Workbench(None)
    yield workbench
    workbench.close()


async def test_the_loop_goes_on_while_a_thread_works(idle) -> None:
    working = asyncio.create_task(idle.run(time.sleep, 0.2))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5


async def test_too_much_at_once_is_refused(idle) -> None:
    gate = threading.Event()
    waiting = [asyncio.create_task(idle.run(gate.wait, 30)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(CheckingBusy) as caught:
        await idle.run(time.sleep, 0)
    assert caught.value.headers == {"Retry-After": "1"}
    gate.set()
    await asyncio.gather(*waiting)
    await idle.run(time.sleep, 0)


async def test_without_a_compiler_a_note_says_so(idle, document) -> None:
    checked = await idle.check(document_from_json(document))
    assert "vrl.not-compiled" in {each.rule for each in checked.findings}
    assert checked.secrets == ("token",)


async def test_all_programs_together_have_a_time_limit(document, monkeypatch) -> None:
    class Slow:
        def compile(self, program: str, *, kind: str) -> list[VrlDiagnostic]:
            time.sleep(0.05)
            return []

    monkeypatch.setattr(compiling, "VRL_SECONDS", 0.01)
    other = document["components"][1]["options"] | {"source": ". = {}"}  # what is the same is compiled once
    document["components"].insert(2, document["components"][1] | {"id": "second", "options": other})
    document["edges"].append({"source": "parse", "target": "second"})
    workbench = Workbench(Slow())
    checked = await workbench.check(document_from_json(document))
    workbench.close()
    late = [each for each in checked.findings if each.rule == "vrl.timeout"]
    assert [(each.component, each.severity) for each in late] == [("second", "error")]


def test_vrl_is_compiled_in_workers() -> None:
    vrl = WorkerVrl(1)
    try:
        assert vrl.compile(".a = 1", kind="program") == []
        (found,) = vrl.compile(".a =\n  nothing()", kind="program")
        assert (found.severity, found.line) == ("error", 2)
        (forbidden,) = vrl.compile('.a = get_env_var!("HOME")', kind="program")
        assert forbidden.code == "forbidden"
    finally:
        vrl.close()
