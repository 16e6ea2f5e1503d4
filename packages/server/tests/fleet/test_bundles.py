"""`fleet.bundles`: payloads from what is wanted, pure."""

import uuid
from datetime import UTC, datetime

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from vectorflow.fleet.bundles import Ingredients, make_bundles
from vectorflow.fleet.store.bundles import DueNode, WantedPipeline
from vectorflow.vault.types import SecretValue
from vectorflow_wire import envelope, keys
from vectorflow_wire.bundles import Bundle
from vectorflow_wire.sealing import unseal

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
ENVIRONMENT = uuid.uuid4()
PAIR = SigningKey.generate()
SIGNER = envelope.MemorySigner(PAIR, keys.key_id(bytes(PAIR.verify_key)))
BOX = PrivateKey.generate()


def ingredients(**options) -> Ingredients:
    values = {
        "organization_id": uuid.uuid4(), "signer": SIGNER, "keys_version": 3, "secrets": {}, "sealed": {},
        "handover": lambda wanted: "reload", "now": NOW,
    }  # fmt: skip
    return Ingredients(**(values | options))


def due(generation=0, issue=0, wanted=1000) -> DueNode:
    return DueNode(uuid.uuid4(), ENVIRONMENT, bytes(BOX.public_key), wanted, generation, issue)


def wanted(node, *secrets, desired="run") -> WantedPipeline:
    return WantedPipeline(
        node.id, uuid.uuid4(), "p", 2, b"\x01" * 32, 10, desired, "", 0, list(secrets), 1, b"\x02" * 32
    )


def payload(made) -> Bundle:
    data = envelope.verify(made.bundles[0].envelope, {SIGNER.key_id: bytes(PAIR.verify_key)}, envelope.BUNDLE)
    return msgspec.json.decode(data, type=Bundle)


def test_a_changed_node_gets_a_new_generation_and_an_unchanged_one_a_new_issue() -> None:
    assert payload(make_bundles([(due(), [])], ingredients())).order == (1000, 1)
    assert payload(make_bundles([(due(900, 4), [])], ingredients())).order == (1000, 1)
    assert payload(make_bundles([(due(1000, 4), [])], ingredients())).order == (1000, 5)


def test_a_bundle_names_its_files_and_the_way_to_them() -> None:
    node = due()
    made = make_bundles([(node, [wanted(node)])], ingredients())
    pipeline = payload(made).pipelines[0]
    assert made.bundles[0].hashes == ["01" * 32] == [pipeline.revision]
    assert (pipeline.handover, pipeline.handover_from, pipeline.number) == ("reload", "02" * 32, 2)
    assert made.bundles[0].half_life_at < made.bundles[0].expires_at


def test_a_secret_is_sealed_once_and_then_taken_from_what_is_stored() -> None:
    node, organization = due(), uuid.uuid4()
    value = SecretValue("token", uuid.uuid4(), 5, b"hush")
    given = ingredients(organization_id=organization, secrets={ENVIRONMENT: {"token": value}})
    made = make_bundles([(node, [wanted(node, "token"), wanted(node, "token")])], given)
    assert len(made.sealed) == 1
    sealed = payload(made).pipelines[0].secrets[0]
    assert unseal(sealed, organization=str(organization), node=str(node.id), private=bytes(BOX)) == "hush"
    row = made.sealed[0]
    given = msgspec.structs.replace(given, sealed={(row.version_id, row.node_id, row.key_id): row.sealed})
    again = make_bundles([(node, [wanted(node, "token")])], given)
    assert again.sealed == []
    assert payload(again).pipelines[0].secrets[0] == sealed


def test_what_cannot_be_rendered_is_held_and_what_stops_needs_no_secret() -> None:
    node = due()
    held = payload(make_bundles([(node, [wanted(node, "gone")])], ingredients())).pipelines[0]
    assert (held.state, "gone" in held.reason) == ("hold", True)
    stopped = payload(
        make_bundles([(node, [wanted(node, "gone", desired="stop")])], ingredients())
    ).pipelines[0]
    assert (stopped.state, stopped.secrets) == ("stop", ())
