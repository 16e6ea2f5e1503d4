"""From an enrolment token to a node with a bundle that it can believe."""

import asyncio
import base64

import msgspec
import psycopg
import pytest

from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.enrolment import Enrolment, address_allowed
from vectorflow.fleet.errors import AgentRequestInvalid, NodeNotInState
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire import keys, tokens
from vectorflow_wire.messages import AgentKeys, EnrollRequest, Intervals


async def test_a_machine_becomes_a_node_with_a_bundle_it_can_believe(world) -> None:
    agent = (await world.agents(1))[0]
    bundle = await agent.poll()
    assert bundle.organization == str(world.organization_id)
    assert bundle.node == agent.told.node_id
    assert bundle.pipelines == ()
    assert await agent.poll() is None


async def test_the_install_command_carries_the_root_keys_fingerprint(world, make_agent) -> None:
    async with world.scoped() as txn:
        made = await world.house.fleet.enrolment_token_create(
            txn,
            world.slug,
            world.environment_id,
            name="n",
            expires_in_seconds=60,
            max_uses=1,
            labels={"zone": "a"},
            actor=SYSTEM,
        )
    agent = make_agent("a")
    await agent.enroll(made.token)
    fingerprint = keys.root_fingerprint(base64.b64decode(agent.told.root_key))
    assert fingerprint in made.install_command
    assert made.token in made.install_command
    assert f"https://{world.slug}.agents.example.com" in made.install_command
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert node.labels == {"zone": "a"}
    assert (node.status, node.platform) == ("pending", "linux x86_64")


async def test_a_spent_revoked_or_expired_token_enrols_nobody(world, make_agent) -> None:
    spent = await world.token(max_uses=1)
    await make_agent("a").enroll(spent)
    answer = await make_agent("b").try_enroll(spent)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:vectorflow:problem:fleet.enrolment-refused"
    expired = await world.token(expires_in_seconds=0)
    assert (await make_agent("c").try_enroll(expired)).status_code == 403


async def test_a_token_that_was_just_of_use_ends_when_it_is_revoked(world, make_agent) -> None:
    """The gateway remembers the token; the database decides."""
    token = await world.token()
    await make_agent("a").enroll(token)
    async with world.scoped() as txn:
        await world.house.fleet.enrolment_token_revoke(
            txn, world.environment_id, tokens.parse(token).id, SYSTEM, None
        )
    assert (await make_agent("b").try_enroll(token)).status_code == 403


async def test_forged_and_mistyped_tokens_are_refused(world, new_world, make_agent) -> None:
    token = await world.token()
    forged = tokens.mint(tokens.ENROLMENT, world.slug, tokens.parse(token).id).text
    assert (await make_agent("a").try_enroll(forged)).status_code == 401
    assert (
        await make_agent("a").try_enroll(token[:-1] + ("a" if token[-1] != "a" else "b"))
    ).status_code == 401
    # The slug of another organisation with a token of this one does not fit either.
    other = await new_world()
    parsed = tokens.parse(token)
    moved = msgspec.structs.replace(parsed, slug=other.slug).text
    assert (await make_agent("a").try_enroll(moved)).status_code == 401


async def test_a_machine_with_its_old_token_is_the_node_it_was(world, make_agent) -> None:
    token = await world.token()
    first = make_agent("a")
    await first.enroll(token)
    again = make_agent("a")
    await again.enroll(token, previous_node_token=first.told.node_token)
    assert again.node_id == first.node_id
    await world.sign()
    # The old token is no longer the node's, and yet cuts nobody off: it runs out a day later.
    assert (await first.call("GET", "/agent/v1/desired")).status_code == 200
    assert (await again.poll()).node == str(first.node_id)


async def test_a_machine_id_alone_makes_a_new_node(world, make_agent) -> None:
    token = await world.token()
    first, twin = make_agent("a"), make_agent("a")
    await first.enroll(token)
    await twin.enroll(token)
    assert twin.node_id != first.node_id
    async with world.scoped() as txn:
        duplicate = await txn.value("select duplicate_of from nodes where id = %(id)s", {"id": twin.node_id})
    assert duplicate == first.node_id


async def test_hostile_words_of_an_agent_do_not_get_in(world, make_agent) -> None:
    agent = make_agent("<script>\x1b[31m\u202e\x00")
    await agent.enroll(await world.token(), facts={"k\x00": "v\x00\x1b"})
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert "\x1b" not in node.name
    assert "\x00" not in str(node.facts)


async def test_a_bad_body_is_said_to_be_bad(world, make_agent) -> None:
    agent = make_agent("a")
    token = await world.token()
    for body in (b"", b"{", b"[]", b'{"machine_id": 5}', b"\xff\xfe"):
        answer = await agent.call("POST", "/agent/v1/enroll", token=token, content=body)
        assert answer.status_code == 400, body
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await agent.call("POST", "/agent/v1/enroll", token=token, content=b"x" * 100_000)
    assert answer.status_code == 413


async def test_a_token_is_used_up_by_exactly_as_many_machines_as_it_allows(world, make_agent) -> None:
    token = await world.token(max_uses=3)
    answers = await asyncio.gather(*(make_agent(f"a{number}").try_enroll(token) for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [403] * 5


async def test_the_answer_is_the_enrolments_own(world, make_agent) -> None:
    enrolment = Enrolment(world.house.app, world.house.fleet._signing, Intervals(heartbeat_seconds=2.0))
    text = await world.token()
    token = tokens.parse(text)
    authority = await world.house.gateway.tokens.enrolment(token, "127.0.0.1")
    agent = make_agent("a")
    request = EnrollRequest(
        machine_id="m", hostname="h", agent_version="1", keys=AgentKeys(identity="x", sealing="y")
    )
    with pytest.raises(AgentRequestInvalid):
        await enrolment.enroll(token, authority, request, "127.0.0.1")
    keyed = AgentKeys(
        identity=base64.b64encode(bytes(agent.identity.verify_key)).decode(),
        sealing=base64.b64encode(bytes(agent.sealing.public_key)).decode(),
    )
    answer = await enrolment.enroll(
        token, authority, msgspec.structs.replace(request, keys=keyed), "127.0.0.1"
    )
    assert (answer.intervals.heartbeat_seconds, answer.environment_slug) == (2.0, "dev")
    async with world.scoped() as txn:
        uses = (await world.house.fleet.enrolment_tokens(txn, world.environment_id))[0].uses
    assert uses == 1  # the refused attempt was rolled back


async def test_a_token_is_of_use_only_from_where_it_allows(world, make_agent) -> None:
    elsewhere = await world.token(allowed_addresses=["192.0.2.0/24", "2001:db8::/32"])
    answer = await make_agent("a").try_enroll(elsewhere)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
        403,
        "fleet.address-not-allowed",
    )
    agent = make_agent("b")
    forwarded = {"x-forwarded-for": "192.0.2.7"}  # nobody's word but a trusted proxy's counts
    agent.extra_headers = forwarded
    assert (await agent.try_enroll(elsewhere)).status_code == 403
    async with world.scoped() as txn:
        tokens_now = await world.house.fleet.enrolment_tokens(txn, world.environment_id)
    assert tokens_now[0].uses == 0
    here = await world.token(allowed_addresses=["127.0.0.0/8"])
    assert (await make_agent("c").try_enroll(here)).status_code == 200


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("192.0.2.9", [], True),
        ("192.0.2.9", ["192.0.2.0/24"], True),
        ("192.0.3.9", ["192.0.2.0/24", "2001:db8::/32"], False),
        ("2001:db8::1", ["192.0.2.0/24", "2001:db8::/32"], True),
        ("::ffff:192.0.2.9", ["192.0.2.0/24"], True),
        ("unknown", ["192.0.2.0/24"], False),
    ],
)
def test_networks_of_a_token(address, networks, allowed) -> None:
    assert address_allowed(address, networks) is allowed


async def test_a_node_that_waits_gets_nothing_until_it_is_admitted(world, make_agent) -> None:
    pipeline = await world.pipeline("hello")
    seen = (await world.agents(1))[0]
    async with world.scoped() as txn:
        rollout = await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline, NewRollout(watch_seconds=0)
        )
    await world.sign()
    await seen.apply(pipeline)
    await world.advance()
    agent = make_agent("waits")
    told = await agent.enroll(await world.token(approval=True))
    assert told.pending
    await world.sign()
    bundle = await agent.poll()
    assert (bundle.pending, bundle.pipelines) == (True, ())
    revision = (await seen.poll() or seen.bundle).pipelines[0].revision
    assert (await agent.call("GET", f"/agent/v1/files/{revision}")).status_code == 404
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
        assert (node.status, node.assignments) == ("waiting", [])
        dry = await world.house.delivery.dry_run(txn, SYSTEM, world.environment_id, pipeline, NewRollout())
        assert [each.id for each in dry.nodes] == [seen.node_id]
        with pytest.raises(NodeNotInState):
            await world.house.lifecycle.admit(txn, world.environment_id, seen.node_id, SYSTEM)
    async with world.scoped() as txn:
        await world.house.lifecycle.admit(txn, world.environment_id, agent.node_id, SYSTEM)
    await world.sign()
    bundle = await agent.poll()
    assert not bundle.pending
    assert [each.id for each in bundle.pipelines] == [str(pipeline)]
    assert rollout.selector == ""


async def test_a_node_that_is_turned_away_is_heard_no_more(world, make_agent) -> None:
    agent = make_agent("a")
    await agent.enroll(await world.token(approval=True))
    await world.sign()
    await agent.poll()
    async with world.scoped() as txn:
        await world.house.lifecycle.reject(txn, world.environment_id, agent.node_id, SYSTEM)
    await world.bus_settled()
    assert (await agent.call("GET", "/agent/v1/desired")).status_code == 401
    async with world.scoped() as txn:
        assert (await world.house.fleet.node(txn, world.environment_id, agent.node_id)).status == "rejected"
        assert await world.house.fleet.nodes(txn, world.environment_id) == []


async def test_a_suspended_organisation_takes_no_new_nodes(world, make_agent, database_url) -> None:
    token = await world.token()
    agents = await world.agents(1)

    def suspend(reason: str | None) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "update organizations set suspended_reason = %(r)s, suspended_at = case when %(r)s::text is null "
                "then null else now() end where id = %(id)s",
                {"r": reason, "id": world.organization_id},
            )

    suspend("a test")
    try:
        assert (await make_agent("b").try_enroll(token)).status_code == 403
        assert await agents[0].poll() is not None  # those there are go on
    finally:
        suspend(None)
    assert (await make_agent("c").try_enroll(token)).status_code == 200
