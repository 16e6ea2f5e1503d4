"""One's own sessions: listed, revoked, and forgotten by every process."""

import asyncio
import contextlib

from vectorflow.entry.api import build_api
from vectorflow.entry.process import Process
from vectorflow.kernel.ids import new_id
from vectorflow.platform.settings import Settings


async def test_sessions_are_listed_and_revoked(app, browser, world) -> None:
    second = type(browser)(app, **{"user-agent": "Hostile\x1b[31m <b>agent</b>"})
    await browser.sign_in(world.email("editor"))
    await second.sign_in(world.email("editor"))
    listed = (await browser.get("/api/v1/sessions")).json()
    assert listed["next_cursor"] is None
    current = [each for each in listed["items"] if each["current"]]
    others = [each for each in listed["items"] if not each["current"]]
    assert len(current) == 1
    newest = others[0]
    assert newest["user_agent"] == "Hostile\\u001b[31m <b>agent</b>"
    answer = await browser.request("DELETE", f"/api/v1/sessions/{newest['id']}")
    assert answer.status_code == 204
    assert (await second.get("/api/v1/session")).status_code == 401
    assert (await browser.get("/api/v1/session")).status_code == 200


async def test_nobody_revokes_the_session_of_another(app, browser, world, other) -> None:
    stranger = type(browser)(app)
    await stranger.sign_in(other.email("owner"))
    theirs = (await stranger.get("/api/v1/sessions")).json()["items"][0]["id"]
    await browser.sign_in(world.email("owner"))
    answers = [await browser.request("DELETE", f"/api/v1/sessions/{target}") for target in (theirs, new_id())]
    bodies = [{**answer.json(), "id": ""} for answer in answers]
    assert bodies[0] == bodies[1]
    assert bodies[0]["type"] == "urn:vectorflow:problem:identity.session-not-found"
    assert (await stranger.get("/api/v1/session")).status_code == 200


async def test_a_revocation_reaches_another_process_within_a_second(
    app, browser, world, database_url, state_dir
) -> None:
    settings = Settings(database_url=database_url, state_dir=state_dir)
    async with Process.running(settings) as process:
        await asyncio.wait_for(process.bus.connected.wait(), 60)
        await browser.sign_in(world.email("editor"))
        elsewhere = type(browser)(build_api(process.services))
        elsewhere.http.cookies = browser.http.cookies
        assert (await elsewhere.get("/api/v1/session")).status_code == 200
        session = await process.services.sessions.authenticate(browser.http.cookies["vf_session"])
        assert process.services.sessions._cached, "this test is about a process that remembers the session"

        async def allow(_topic: str) -> bool:
            return True

        stream = process.services.streams.open(session.id, allow)
        reading = asyncio.create_task(_drain(stream))
        assert (await browser.request("DELETE", "/api/v1/session")).status_code == 204
        await asyncio.wait_for(reading, 60)
        answer = await elsewhere.get("/api/v1/session")
        assert answer.status_code == 401
        with contextlib.suppress(Exception):
            await elsewhere.http.aclose()


async def _drain(stream) -> None:
    async for _chunk in stream.chunks():
        pass


async def test_nothing_is_remembered_while_the_bus_is_down(new_services, browser, world) -> None:
    connected = True
    elsewhere = new_services(bus_connected=lambda: connected)
    await browser.sign_in(world.email("editor"))
    token = browser.http.cookies["vf_session"]
    session = await elsewhere.sessions.authenticate(token)
    assert (await elsewhere.sessions.authenticate(token)) is session
    await browser.request("DELETE", "/api/v1/session")
    assert (await elsewhere.sessions.authenticate(token)) is session, "without a message it is remembered"
    connected = False
    app = build_api(elsewhere)
    client = type(browser)(app)
    answer = await client.http.get("/api/v1/session", headers={"cookie": f"vf_session={token}"})
    assert answer.status_code == 401
