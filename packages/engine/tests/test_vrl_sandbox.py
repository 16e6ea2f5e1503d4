"""Hostile programs and events: refused or killed in time, and nothing of the host ever comes out."""

import contextlib
import os
import socket
import threading
import time

import pytest
from tests.patience import patience

from vectorflow_engine.vrl import VrlError, VrlPool
from vectorflow_engine.vrl.functions import functions
from vectorflow_engine.vrl.limits import HOST_FUNCTIONS
from vectorflow_engine.vrl.pool import _Launch, _Worker
from vectorflow_engine.vrl.worker import Request, frame

CANARY = "canary-5f2e9d71"
REFUSED = {"vrl.too-large", "vrl.timeout", "vrl.crashed", "vrl.forbidden", "vrl.not-text"}
LIST = "l = [" + ",".join("0" * 32) + "]\n"
LOOPS = "".join(f"for_each(l) -> |_i, _v{n}| {{\n" for n in range(6))

KILLERS = {
    "4,000 lines": "\n".join(f".a{n} = {n}" for n in range(4000)),
    "2,000 parentheses": ".a = " + "(" * 2000 + "1" + ")" * 2000,
    "2,000 signs": ".a = " + "!" * 2000 + "true",
    "doubling appends": "a = [1]\n" + "\n".join(["a = append(a, a)"] * 24),
    "a far index": ".a[200000000] = 1",
    "a far negative index": ".a[-200000000] = 1",
    "an index beyond 64 bits": ".a[99999999999999999999] = 1",
    "doubling strings": '.s = "xxxxxxxxxxxxxxxx"\n' + "\n".join([".s = string!(.s) + string!(.s)"] * 40),
    "doubling objects": "\n".join(['.a = {"l": ., "r": .}'] * 40),
    "2^30 rounds": LIST + "n = 0\n" + LOOPS + "n = n + 1\n" + "}\n" * 6,
    "a repeated string": '.a = "x" * 2000000000',
    "growing replacements": '.s = "aaaaaaaaaa"\n'
    + "\n".join(['.s = replace(string!(.s), "a", "aaaaaaaaaaaaaaaaaaaa")'] * 12),
    "a number of 2^31 digits": ".a = format_number(1.0, scale: 2000000000)",
    "20,000 additions": ".a = " + "+".join(["1"] * 20000),
    "a path of 20,000 fields": "." + ".".join(["a"] * 20000) + " = 1",
    "900 branches": "if .a == 0 {1}" + "".join(f" else if .a == {n} {{1}}" for n in range(900)),
    "5,000 assignments in a row": ".a = " * 5000 + "1",
    "9,000 merges in a row": ".a = ." + " | {}" * 7000,
    "2,000 templates": '.a = "' + "{{ .a }}" * 2000 + '"',
    "100 closures in closures": ".a = " + "map_values(.) -> |v| { " * 100 + "1" + " }" * 100,
    "a megabyte": "# " + "x" * 1_000_000,
    "NUL": '.a = "\0"',
    "a lone surrogate": '.a = "\udc80"',
}
BAD_PROGRAMS = {
    "a regex too large when compiled": ".a = match(\"a\", r'((((a{100}){100}){100}){100})')",
    "a regex of wide classes": ".a = match(\"a\", r'(\\pL{1000}){1000}')",
    "60,000 signs": "." * 60000,
    "no number": ".a = " + "9" * 60000,
    "control characters": ".a = \x1b[31m\x07\x7f",
}


@pytest.fixture(scope="module")
async def pool():
    async with VrlPool(size=1, timeout=1.0, memory_bytes=512 * 1024 * 1024) as made:
        await made.warm()
        yield made


async def still_serves(pool):
    assert (await pool.run(".b = .a + 1 ?? 0", [{"a": 1}]))[0].events == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("name", KILLERS)
async def test_a_killer_is_refused_or_killed_and_the_next_is_served(pool, name):
    began = time.monotonic()
    with pytest.raises(VrlError) as caught:
        await pool.run(KILLERS[name], [{}])
    assert time.monotonic() - began < 2 * patience()
    assert {each.code for each in caught.value.diagnostics} <= REFUSED
    await still_serves(pool)


@pytest.mark.parametrize("name", BAD_PROGRAMS)
async def test_a_bad_program_is_told_in_words(pool, name):
    found = await pool.compile(BAD_PROGRAMS[name])
    assert found
    assert found[0].message
    assert "panick" not in found[0].message
    await still_serves(pool)


def deep(levels):
    event = {}
    for _ in range(levels):
        event = {"a": event}
    return event


@pytest.mark.parametrize(
    "event",
    [deep(50_000), {"a": "\udc80"}, {"a": 2**70}, {"a": "x" * 70_000_000}, {"a": object()}],
    ids=["deep", "surrogate", "huge number", "70 MB", "not data"],
)
async def test_an_event_that_cannot_be_handed_over_is_refused(pool, event):
    with pytest.raises(VrlError):
        await pool.run(".", [event])
    await still_serves(pool)


@pytest.mark.parametrize(
    "value", ["[" * 200_000, '{"a":' * 200_000, "[" * 100 + "]" * 100, "\0", "9" * 100_000, "1e999999"]
)
async def test_hostile_json_in_an_event(pool, value):
    [result] = await pool.run('.a = parse_json(.m) ?? "bad"', [{"m": value}])
    assert result.outcome in {"ok", "error"}
    await still_serves(pool)


async def test_a_result_beyond_the_limit_is_refused(pool):
    with pytest.raises(VrlError) as caught:
        await pool.run('.a = "x" * 80000000', [{}])
    assert caught.value.diagnostics[0].code in REFUSED
    await still_serves(pool)


# What leaks: environment, files, names, the network


@pytest.fixture
def canaries(monkeypatch, tmp_path):
    """Secrets where a program might look, and a listener that must never hear anything."""
    monkeypatch.setenv("CANARY", CANARY)
    path = tmp_path / "canary"
    path.write_text(CANARY)
    heard = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)

        def listen():
            with contextlib.suppress(TimeoutError):
                heard.append(listener.accept()[1])

        thread = threading.Thread(target=listen)
        thread.start()
        yield path, listener.getsockname()[1], heard
        thread.join()


def attempts(path, port):
    url = f"http://127.0.0.1:{port}/"
    return [
        'get_env_var!("CANARY")',
        "get_hostname!()",
        "get_timezone_name!()",
        'dns_lookup!("localhost")',
        'reverse_dns!("127.0.0.1")',
        f'http_request!("{url}")',
        f'parse_proto!(.m, "{path}", "x")',
        f'encode_proto!(., "{path}", "x")',
        f'validate_json_schema!("{{}}", "{path}")',
        f'parse_etld!("a.b", psl: "{path}")',
        f'parse_groks!(.m, patterns: ["%{{x}}"], alias_sources: ["{path}"])',
    ]


async def test_nothing_of_the_host_comes_out(pool, canaries):
    path, port, heard = canaries
    said = []
    tried = attempts(path, port)
    for call in tried:
        name = call.split("!", 1)[0]
        spellings = [
            call,
            call.replace("!(", "! (", 1),
            call.replace("!(", "!\n(", 1),
            f"({call})",
            f"[{call}]",
        ]
        for spelling in spellings:
            found = await pool.compile(f".a = {spelling}")
            assert found, spelling
            said += [each.message for each in found]
            with pytest.raises(VrlError):
                await pool.run(f".a = {spelling}", [{"m": "x"}])
        assert name in HOST_FUNCTIONS
    assert {call.split("!", 1)[0] for call in tried} == HOST_FUNCTIONS
    assert not [text for text in said if CANARY in text or socket.gethostname() in text]
    time.sleep(0.3)
    assert heard == []
    await still_serves(pool)


async def test_every_other_function_says_nothing_of_the_host(pool, canaries):
    path, _, heard = canaries
    answers, codes = [], set()
    for each in functions():
        if each.compiles_here and each.name not in HOST_FUNCTIONS and not each.closure:
            for given in (f'"{path}"', '"CANARY"', ""):
                program = f".a, .e = {each.name}({given})"
                try:
                    answers += await pool.run(program, [{"m": str(path)}])
                except VrlError as error:
                    answers.append(str(error))
                    codes |= {found.code for found in error.diagnostics}
    assert len(answers) > 400
    assert not codes & {"vrl.timeout", "vrl.crashed"}
    assert CANARY not in repr(answers)
    assert socket.gethostname() not in repr(answers) or len(socket.gethostname()) < 4
    assert heard == []


async def test_a_worker_is_shut_in(pool):
    """What the kernel says of it: no environment, no way to open anything, no new privileges."""
    await still_serves(pool)
    pid = pool._idle[0].process.pid
    assert CANARY not in repr(pool._launch.command())
    if not os.path.isdir(f"/proc/{pid}"):
        pytest.skip("needs /proc")
    with open(f"/proc/{pid}/limits") as file:
        ceilings = {line[:26].strip(): line[26:].split()[0] for line in file}
    assert ceilings["Max open files"] == "3"
    assert ceilings["Max file size"] == "0"
    assert ceilings["Max processes"] == "0"
    assert ceilings["Max core file size"] == "0"
    assert ceilings["Max address space"] == str(512 * 1024 * 1024)
    with open(f"/proc/{pid}/status") as file:
        assert "NoNewPrivs:\t1" in file.read()
    if os.geteuid() == 0:
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
        with open(f"/proc/{pid}/environ") as file:
            assert [each for each in file.read().split("\0") if each and not each.startswith("LC_")] == []


async def test_a_sealed_worker_refuses_what_its_pool_forgot(pool):
    """The denylist holds in the worker as well: the request cannot switch it off."""
    for program in ('.a = get_env_var!("CANARY")', ".a = get_hostname!()"):
        answer = await pool._ask(Request("run", program, events=[{}], service=False), None)
        assert [found.code for found in answer.diagnostics] == ["vrl.forbidden"]


async def test_organisations_never_share_a_worker_and_keep_their_own():
    async with VrlPool(size=2) as pool:
        pids = {}
        for owner in ("a", "b", "a", "b", None):
            await pool.run(".", [{}], owner=owner)
            pids.setdefault(owner, []).append(pool._idle[-1].process.pid)
        assert len(set(pids["a"])) == len(set(pids["b"])) == 1
        assert len({pids["a"][0], pids["b"][0], pids[None][0]}) == 3


async def test_a_worker_whose_pool_died_ends_by_itself():
    worker = await _Worker.start(_Launch(512 * 1024 * 1024, -2.5, True))
    worker.process.stdin.write(frame(Request("run", KILLERS["2^30 rounds"], events=[{}])))
    assert await worker.process.wait() != 0
