"""`fleet.bundles`: payloads from what is wanted, pure."""

import uuid
from datetime import UTC, datetime

import msgspec
import rfc8785
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from vectorflow.fleet.bundles import Ingredients, Way, make_bundles
from vectorflow.fleet.store.bundles import DueNode, WantedPipeline
from vectorflow.vault.types import LentValues, SecretValue
from vectorflow_wire import envelope, keys
from vectorflow_wire.bundles import Bundle, StoreRef
from vectorflow_wire.sealing import unseal

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
ENVIRONMENT = uuid.uuid4()
PAIR = SigningKey.generate()
SIGNER = envelope.MemorySigner(PAIR, keys.key_id(bytes(PAIR.verify_key)))
BOX = PrivateKey.generate()


def ingredients(**options) -> Ingredients:
    values = {
        "organization_id": uuid.uuid4(), "signer": SIGNER, "keys_version": 3, "secrets": {}, "stores": {}, "sealed": {},
        "way": lambda wanted: Way("reload", "ab" * 32), "now": NOW,
    }  # fmt: skip
    return Ingredients(**(values | options))


def due(generation=0, issue=0, wanted=1000) -> DueNode:
    return DueNode(uuid.uuid4(), ENVIRONMENT, bytes(BOX.public_key), wanted, generation, issue)


def wanted(*secrets, desired="run", files=(), stores=()) -> WantedPipeline:
    return WantedPipeline(
        uuid.uuid4(), "p", 2, b"\x01" * 32, 10, desired, "", 0, list(secrets), list(files), list(stores), 1,
        b"\x02" * 32,
    )  # fmt: skip


def payload(made) -> Bundle:
    data = envelope.verify(made.bundles[0].envelope, {SIGNER.key_id: bytes(PAIR.verify_key)}, envelope.BUNDLE)
    return msgspec.json.decode(data, type=Bundle)


def test_what_is_signed_is_canonical_whether_shared_or_not() -> None:
    one, other = wanted(), wanted(desired="hold", files=["ab" * 32])
    secret = SecretValue("token", uuid.uuid4(), 1, b"value")
    given = ingredients(secrets={ENVIRONMENT: LentValues({"token": secret}, {})})
    sealed = wanted("token")
    several = [[one, other], [one, other], [other], [], [one, sealed], [one, sealed]]
    nodes = [due() for _ in several]
    made = make_bundles(list(zip(nodes, several, strict=True)), given).bundles
    public = {SIGNER.key_id: bytes(PAIR.verify_key)}
    for node, pipelines, stored in zip(nodes, several, made, strict=True):
        data = envelope.verify(stored.envelope, public, envelope.BUNDLE)
        bundle = msgspec.json.decode(data, type=Bundle)
        assert data == envelope.canonical(bundle) == rfc8785.dumps(msgspec.to_builtins(bundle))
        assert bundle.node == str(node.id)
        assert [each.id for each in bundle.pipelines] == [str(each.pipeline_id) for each in pipelines]
        assert stored.hashes == sorted({file.sha256 for each in bundle.pipelines for file in each.files})
        for each in bundle.pipelines:
            assert [box.name for box in each.secrets] == (
                ["token"] if each.id == str(sealed.pipeline_id) else []
            )
    boxes = {
        msgspec.json.decode(envelope.verify(each.envelope, public, envelope.BUNDLE), type=Bundle)
        .pipelines[1]
        .secrets
        for each in made[4:]
    }
    assert len(boxes) == 2, "each node has a box of its own"


def test_a_changed_node_gets_a_new_generation_and_an_unchanged_one_a_new_issue() -> None:
    assert payload(make_bundles([(due(), [])], ingredients())).order == (1000, 1)
    assert payload(make_bundles([(due(900, 4), [])], ingredients())).order == (1000, 1)
    assert payload(make_bundles([(due(1000, 4), [])], ingredients())).order == (1000, 5)


def test_a_bundle_names_its_files_and_the_way_to_them() -> None:
    node = due()
    made = make_bundles([(node, [wanted()])], ingredients())
    pipeline = payload(made).pipelines[0]
    assert made.bundles[0].hashes == ["01" * 32] == [pipeline.revision]
    assert (pipeline.handover, pipeline.handover_from, pipeline.number) == ("reload", "02" * 32, 2)
    assert pipeline.root == "ab" * 32
    assert made.validity.half_life_at < made.validity.expires_at


def test_a_secret_is_sealed_once_and_then_taken_from_what_is_stored() -> None:
    node, organization = due(), uuid.uuid4()
    value = SecretValue("token", uuid.uuid4(), 5, b"hush")
    given = ingredients(organization_id=organization, secrets={ENVIRONMENT: LentValues({"token": value}, {})})
    made = make_bundles([(node, [wanted("token"), wanted("token")])], given)
    assert len(made.sealed) == 1
    sealed = payload(made).pipelines[0].secrets[0]
    assert unseal(sealed, organization=str(organization), node=str(node.id), private=bytes(BOX)) == "hush"
    row = made.sealed[0]
    given = msgspec.structs.replace(given, sealed={(row.version_id, row.node_id, row.key_id): row.sealed})
    again = make_bundles([(node, [wanted("token")])], given)
    assert again.sealed == []
    assert payload(again).pipelines[0].secrets[0] == sealed


def test_what_cannot_be_rendered_is_held_and_what_stops_needs_no_secret() -> None:
    node = due()
    held = payload(make_bundles([(node, [wanted("gone")])], ingredients())).pipelines[0]
    assert (held.state, "gone" in held.reason) == ("hold", True)
    stopped = payload(make_bundles([(node, [wanted("gone", desired="stop")])], ingredients())).pipelines[0]
    assert (stopped.state, stopped.secrets) == ("stop", ())


def test_files_of_the_revision_are_named_and_private_keys_go_as_files() -> None:
    node, organization = due(), uuid.uuid4()
    key = SecretValue("key.web.3", uuid.uuid4(), 3, b"-----BEGIN PRIVATE KEY-----", file=True)
    lent = {ENVIRONMENT: LentValues({"key.web.3": key}, {})}
    given = ingredients(organization_id=organization, secrets=lent)
    made = make_bundles([(node, [wanted("key.web.3", files=["ab" * 32])])], given)
    pipeline = payload(made).pipelines[0]
    assert [each.sha256 for each in pipeline.files] == ["01" * 32, "ab" * 32]
    assert made.bundles[0].hashes == ["01" * 32, "ab" * 32]
    assert [(each.name, each.file) for each in pipeline.secrets] == [("key.web.3", True)]


def test_what_an_outside_store_does_not_give_is_held_with_the_reason() -> None:
    node = due()
    lent = {ENVIRONMENT: LentValues({}, {"token": "the store corp did not give it. Vault is sealed."})}
    held = payload(make_bundles([(node, [wanted("token")])], ingredients(secrets=lent))).pipelines[0]
    assert held.state == "hold"
    assert held.reason == "the secret token cannot be had: the store corp did not give it. Vault is sealed."


def test_a_value_from_outside_is_sealed_but_not_stored() -> None:
    node = due()
    value = SecretValue("token", uuid.uuid4(), 1, b"hush", stored=False)
    lent = {ENVIRONMENT: LentValues({"token": value}, {})}
    made = make_bundles([(node, [wanted("token")])], ingredients(secrets=lent))
    assert made.sealed == []
    assert payload(made).pipelines[0].secrets[0].name == "token"


def test_stores_that_the_engine_asks_are_named_and_a_missing_one_is_held() -> None:
    node = due()
    ref = StoreRef(name="store-aws", type="aws_secrets_manager", options={"region": "eu-central-1"})
    given = ingredients(stores={ENVIRONMENT: {"store-aws": ref}})
    assert payload(make_bundles([(node, [wanted(stores=["store-aws"])])], given)).pipelines[0].stores == (
        ref,
    )
    held = payload(make_bundles([(node, [wanted(stores=["store-gone"])])], given)).pipelines[0]
    assert (held.state, "store-gone" in held.reason) == ("hold", True)


def test_where_secrets_end_sooner_bundles_come_sooner() -> None:
    def made(seconds):
        return make_bundles([(due(), [])], ingredients(max_offline_seconds=seconds))

    def renewed_after(seconds) -> float:
        validity = made(seconds).validity
        return (validity.half_life_at - validity.issued_at).total_seconds()

    assert payload(made(7200)).max_offline_seconds == 7200
    assert payload(made(None)).max_offline_seconds == 0
    # Four may be missed before secrets go; what lasts longer is renewed as ever.
    assert [renewed_after(each) for each in (None, 3600, 86_400, 7_776_000)] == [43_200, 900, 21_600, 43_200]
