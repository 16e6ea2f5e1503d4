"""New tokens and keys, coming back by proof, and two machines that speak as one node: nobody is cut off unasked."""

import time
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from vectorflow.fleet.renewal import CloneWatch
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow_wire import envelope, keys, messages, renewal, tokens
from vectorflow_wire.encoding import base64_text


def signer_of(key: SigningKey) -> envelope.MemorySigner:
    return envelope.MemorySigner(key, keys.key_id(bytes(key.verify_key)))


async def rotate(agent, *, held=None, key=None, at=None, **changes):
    held = held or agent.told.node_token
    claim = renewal.RotationClaim(
        **{
            "organization": agent.told.organization,
            "node": agent.told.node_id,
            "token": renewal.token_claimed(tokens.parse(held)),
            "at": at or time.time_ns() // 1_000_000,
        }
        | changes
    )
    body = renewal.RotateRequest(claim=renewal.rotation_signed(claim, signer_of(key or agent.identity)))
    return await agent.call("POST", renewal.ROTATE_PATH, token=held, content=msgspec.json.encode(body))


def token_of(answer) -> str:
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=renewal.RotateAnswer).node_token


async def beat(agent, token, started_at=0):
    request = messages.HeartbeatRequest(at=1, sequence=1, agent=messages.AgentHealth(started_at=started_at))
    answer = await agent.call(
        "POST", "/agent/v1/heartbeat", token=token, content=msgspec.json.encode(request)
    )
    return answer.status_code


async def node_of(world, node_id):
    async with world.scoped() as txn:
        return await world.house.fleet.node(txn, world.environment_id, node_id)


async def backdate(world, token) -> None:
    """As if the token had been in use for a while."""
    async with world.scoped() as txn:
        await txn.execute(
            "update node_tokens set first_used_at = first_used_at - interval '5 minutes' where id = %(id)s",
            {"id": tokens.parse(token).id},
        )
    world.house.gateway.tokens.clear()


async def test_a_new_token_and_key_with_overlap(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    sealing = PrivateKey.generate()
    new = token_of(await rotate(agent, sealing=base64_text(bytes(sealing.public_key))))
    assert (
        await beat(agent, agent.told.node_token) == 200
    )  # the answer may be lost: the old one is good for a day
    assert await beat(agent, new) == 200
    await world.sign()
    assert await agent.poll() is not None  # made again for the new key
    async with world.scoped() as txn:
        assert await txn.value("select sealing_key from nodes") == bytes(sealing.public_key)
        await txn.execute(
            "update node_tokens set valid_until = now() - interval '1 s' where valid_until is not null"
        )
    world.house.gateway.tokens.clear()
    assert await beat(agent, agent.told.node_token) == 401
    assert await beat(agent, new) == 200


async def test_a_lost_answer_is_made_good_with_the_old_token(world) -> None:
    agent = (await world.agents(1))[0]
    lost = token_of(await rotate(agent))
    again = token_of(await rotate(agent))
    assert await beat(agent, again) == 200
    assert (await node_of(world, agent.node_id)).duplicate is None
    async with world.scoped() as txn:
        await txn.execute(
            "update node_tokens set valid_until = now() - interval '1 s' where valid_until is not null"
        )
    world.house.gateway.tokens.clear()
    assert await beat(agent, lost) == 401  # runs out like the one that it was given for
    assert await beat(agent, again) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"node": str(new_id())},
        {"organization": str(new_id())},
        {"token": str(new_id())},
        {"key": SigningKey.generate()},
        {"at": 5},
    ],
)
async def test_a_claim_that_is_not_this_nodes_is_refused(world, changes) -> None:
    agent = (await world.agents(1))[0]
    token_of(await rotate(agent))
    answer = await rotate(agent, **changes)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "fleet.rotation-refused")


async def test_a_key_that_nothing_can_be_sealed_to_is_not_taken(world, make_agent) -> None:
    agent = (await world.agents(1))[0]
    for key in (bytes(32), bytes([1]) + bytes(31), bytes(33)):
        answer = await rotate(agent, sealing=base64_text(key))
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
            400,
            "fleet.agent-request-invalid",
        )
        assert "the sealing key: " in answer.json()["detail"]
    stranger = make_agent("b")
    stranger.sealing = SimpleNamespace(public_key=bytes(32))
    answer = await stranger.try_enroll(await world.token())
    assert (answer.status_code, "nothing can be sealed" in answer.json()["detail"]) == (400, True)
    assert await beat(agent, agent.told.node_token) == 200


async def test_a_copy_that_rotates_is_shown_and_cuts_nobody_off(world) -> None:
    agent = (await world.agents(1))[0]
    old = agent.told.node_token
    new = token_of(await rotate(agent))
    assert await beat(agent, new) == 200  # the first machine goes on with the new token
    answer = await rotate(agent, held=old)  # the copy, which has the old one
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "fleet.clone-suspected")
    shown = await node_of(world, agent.node_id)
    assert (shown.duplicate.reason, shown.duplicate.of, shown.reasons) == ("clone", None, ["clone"])
    async with world.scoped() as txn:
        await txn.execute(
            "update node_tokens set valid_until = now() - interval '1 s' where valid_until is not null"
        )
    world.house.gateway.tokens.clear()
    assert [await beat(agent, each) for each in (old, new)] == [
        200,
        200,
    ]  # both, for as long as nobody decides
    async with world.scoped() as txn:
        await world.house.lifecycle.keep_duplicate(txn, world.environment_id, agent.node_id, SYSTEM)
    await world.bus_settled()
    assert [await beat(agent, each) for each in (old, new)] == [401, 200]
    assert (await node_of(world, agent.node_id)).duplicate is None


async def test_an_old_token_in_use_beside_its_successor_is_noticed(world) -> None:
    agent = (await world.agents(1))[0]
    old = agent.told.node_token
    new = token_of(await rotate(agent))
    assert [await beat(agent, each) for each in (new, old)] == [200, 200]
    assert (
        await node_of(world, agent.node_id)
    ).duplicate is None  # a request under way is nothing to worry about
    await backdate(world, new)
    assert await beat(agent, old) == 200
    assert (await node_of(world, agent.node_id)).duplicate.reason == "clone"


async def test_two_agents_that_take_turns_with_one_token_are_noticed(world) -> None:
    agent = (await world.agents(1))[0]
    token = agent.told.node_token
    for started in (1000, 2000, 1000):
        assert await beat(agent, token, started) == 200
    assert (await node_of(world, agent.node_id)).duplicate is None
    for started in (2000, 1000):
        assert await beat(agent, token, started) == 200
    assert (await node_of(world, agent.node_id)).duplicate.reason == "clone"


def test_an_agent_that_restarts_is_no_clone() -> None:
    watch, node = CloneWatch(), new_id()
    assert not any(watch.take(node, started) for started in (1, 1, 5, 5, 9, 0, 9, 12))


async def test_an_agent_whose_clock_was_ahead_is_no_clone(world) -> None:
    agent = (await world.agents(1))[0]
    for started in (2000, 1000, 1000, 1000, 3000, 900, 900, 900):
        assert await beat(agent, agent.told.node_token, started) == 200
    assert (await node_of(world, agent.node_id)).duplicate is None


def test_three_agents_that_take_turns_are_noticed() -> None:
    watch, node = CloneWatch(), new_id()
    assert [watch.take(node, started) for started in (1, 2, 3, 1, 2, 3, 1)] == [False] * 6 + [True]


async def test_two_machines_from_one_image_never_revoke_each_other(world, make_agent) -> None:
    token = await world.token()
    image = make_agent("image")
    await image.enroll(token, machine_id="same")
    previous = image.told.node_token
    first, second = make_agent("first"), make_agent("second")
    await first.enroll(token, machine_id="same", previous_node_token=previous)
    assert first.node_id == image.node_id
    assert await beat(first, first.told.node_token) == 200
    await second.enroll(token, machine_id="same", previous_node_token=previous)
    assert second.node_id != first.node_id
    assert await beat(first, first.told.node_token) == 200
    assert await beat(second, second.told.node_token) == 200
    one, two = await node_of(world, first.node_id), await node_of(world, second.node_id)
    assert (one.duplicate.reason, two.duplicate.reason, two.duplicate.of) == ("clone", "clone", first.node_id)
    await world.sign()
    assert await first.poll() is not None
    assert await second.poll() is not None


async def test_two_copies_that_rotate_before_either_has_spoken_cut_neither_off(world) -> None:
    agent = (await world.agents(1))[0]
    first, second = token_of(await rotate(agent)), token_of(await rotate(agent))
    world.house.gateway.tokens.clear()
    assert [await beat(agent, each) for each in (first, second)] == [200, 200]
    await backdate(world, second)
    assert [await beat(agent, each) for each in (first, second)] == [200, 200]
    assert (await node_of(world, agent.node_id)).duplicate.reason == "clone"


async def test_two_copies_that_come_back_before_either_has_spoken_cut_neither_off(world, make_agent) -> None:
    token = await world.token()
    image, first, second = make_agent("image"), make_agent("first"), make_agent("second")
    await image.enroll(token)
    for each in (first, second):
        await each.enroll(token, previous_node_token=image.told.node_token)
        assert each.node_id == image.node_id
    world.house.gateway.tokens.clear()
    assert [await beat(each, each.told.node_token) for each in (first, second)] == [200, 200]
    await backdate(world, second.told.node_token)
    assert [await beat(each, each.told.node_token) for each in (first, second)] == [200, 200]
    assert (await node_of(world, image.node_id)).duplicate.reason == "clone"


async def challenge(agent, token, node_id) -> str:
    body = msgspec.json.encode(renewal.ChallengeRequest(node=str(node_id)))
    answer = await agent.call("POST", renewal.CHALLENGE_PATH, token=token, content=body)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=renewal.ChallengeAnswer).nonce


def proof(agent, key, node_id: UUID, nonce: str):
    claim = renewal.ReattachClaim(
        node=str(node_id),
        nonce=nonce,
        identity=base64_text(bytes(agent.identity.verify_key)),
        sealing=base64_text(bytes(agent.sealing.public_key)),
    )
    return renewal.reattach_signed(claim, signer_of(key))


async def test_a_machine_that_kept_its_key_comes_back_by_proof(world, make_agent) -> None:
    token = await world.token()
    agent = make_agent("a")
    await agent.enroll(token)
    back = make_agent("a")
    nonce = await challenge(back, token, agent.node_id)
    proved = proof(back, agent.identity, agent.node_id, nonce)
    await back.enroll(token, proof=proved)
    assert back.node_id == agent.node_id
    await world.sign()
    assert await back.poll() is not None
    replayed = await back.try_enroll(token, proof=proved)
    assert (replayed.status_code, replayed.json()["type"].rpartition(":")[2]) == (403, "fleet.proof-refused")


async def test_a_false_proof_is_refused(world, make_agent) -> None:
    token = await world.token()
    agent, thief = make_agent("a"), make_agent("b")
    await agent.enroll(token)
    nonce = await challenge(thief, token, agent.node_id)
    assert (
        await thief.try_enroll(token, proof=proof(thief, thief.identity, agent.node_id, nonce))
    ).status_code == 403
    # The true key's proof for other public keys is of no use to anybody else.
    nonce = await challenge(thief, token, agent.node_id)
    stolen = proof(agent, agent.identity, agent.node_id, nonce)
    assert (await thief.try_enroll(token, proof=stolen)).status_code == 403
    other = await challenge(thief, token, new_id())
    moved = proof(thief, agent.identity, agent.node_id, other)
    assert (await thief.try_enroll(token, proof=moved)).status_code == 403
    assert (await node_of(world, agent.node_id)).duplicate is None


async def test_a_challenge_is_the_same_for_nodes_that_are_not_there(world, new_world, make_agent) -> None:
    token = await world.token()
    stranger = (await (await new_world()).agents(1))[0]
    for node_id in (new_id(), stranger.node_id):
        assert "." in await challenge(make_agent("a"), token, node_id)
    bad = await make_agent("a").call("POST", renewal.CHALLENGE_PATH, token=token, content=b'{"node": "x"}')
    assert bad.status_code == 400
