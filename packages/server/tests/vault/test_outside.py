"""`vault.stores` and `vault.outside`: AWS Secrets Manager by the moto server, Vault by a stand-in that refuses."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
import pytest
from packages.server.tests.keys.conftest import SilentAudit
from packages.server.tests.keys.standins import Answer, StandIn, serving
from prometheus_client import CollectorRegistry

from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.service import KeyService
from vectorflow.platform import aws
from vectorflow.platform.egress.errors import EgressTimedOut
from vectorflow.platform.egress.policy import DEFAULT_PORTS, AllowRule, EgressPolicy, Kind
from vectorflow.platform.egress.record import Caller, EgressMetrics
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.pauses import Pause
from vectorflow.vault.errors import SecretInvalid, StoreInUse, StoreInvalid, StoreNotAsked
from vectorflow.vault.outside import HELD_SECONDS, OutsideFetcher
from vectorflow.vault.service import VaultService
from vectorflow.vault.stores import AwsSettings, NewStore, StoreCredentials, VaultSettings
from vectorflow.vault.types import Outside

TOKEN, VALUE = "hvs.canary-token", "canary-0e1d2c"
PORTS = dict(DEFAULT_PORTS) | {Kind.HTTP: frozenset(range(1, 65536))}


class KvStandIn(StandIn):
    """A KV engine of version 2 that refuses as Vault does: token, policy, missing, deleted, sealed."""

    def __init__(self) -> None:
        super().__init__(frozenset())
        self.sealed = False
        self.secrets = {"apps/collector": [{"api": VALUE, "port": 443}]}
        self.deleted: set[str] = set()

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.take(path)
        if self.sealed:
            raise Answer(503, {"errors": ["Vault is sealed"]})
        if headers.get("x-vault-token") != TOKEN or headers.get("x-vault-namespace", "team") != "team":
            raise Answer(403, {"errors": ["permission denied"]})
        prefix = "/v1/secret/data/"
        name = path.removeprefix(prefix)
        if method != "GET" or not path.startswith(prefix) or name not in self.secrets:
            raise Answer(404, {"errors": []})
        versions = self.secrets[name]
        metadata = {"version": len(versions), "destroyed": False, "deletion_time": ""}
        if name in self.deleted:
            raise Answer(404, {"data": {"data": None, "metadata": metadata}})
        raise Answer(200, {"data": {"data": versions[-1], "metadata": metadata}})


@pytest.fixture
def kv() -> Iterator[KvStandIn]:
    with serving(KvStandIn()) as found:
        yield found


def way_out(audit, *allowed: str) -> Egress:
    rules = tuple(AllowRule.parse(each) for each in allowed)
    return Egress(
        EgressPolicy(allow=rules, ports=PORTS), audit=audit, metrics=EgressMetrics(CollectorRegistry())
    )


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def outside(app, signing_database, provider, new_place):
    """An organisation, its vault, and what fetches for it: (place, vault of the API, fetcher, clock, audit)."""
    place, clock, audit = await new_place(), Clock(), SilentAudit()
    egress = way_out(audit, "127.0.0.0/8")
    fetcher = OutsideFetcher(
        signing_database, KeyService(signing_database, provider), egress, monotonic=clock
    )
    policy = EgressPolicy(allow=(AllowRule.parse("127.0.0.0/8"),), ports=PORTS)
    yield place, VaultService(KeyService(app, provider), policy=policy), fetcher, clock, audit
    await egress.aclose()


async def kept(  # noqa: PLR0917 - a test's shorthand
    app, vault, place, new: NewStore, name="token", path="apps/collector", field="api"
):
    async with app.transaction(place.organization_id) as txn:
        store = await vault.stores.create(txn, SYSTEM, place.environment_id, new)
        where = Outside(store_id=store.id, path=path, field=field)
        secret = await vault.create_outside(txn, SYSTEM, place.environment_id, name, where)
    return store, secret


def vault_store(url: str, token: str = TOKEN) -> NewStore:
    credentials = StoreCredentials(token=token)
    return NewStore(name="corp", resolve="server", vault=VaultSettings(address=url), credentials=credentials)


@pytest.fixture
def lend(signing_database, provider, outside):
    place, _, fetcher, _, _ = outside
    service = VaultService(KeyService(signing_database, provider), outside=fetcher)

    async def lend(name="token"):
        await fetcher.refresh(place.organization_id, [(place.environment_id, name)])
        async with signing_database.transaction(place.organization_id) as txn:
            return await service.secret_values(txn, place.environment_id, [name])

    return lend


async def test_vault_is_asked_with_the_stores_own_token(app, outside, kv, lend) -> None:
    place, vault, _, _, audit = outside
    await kept(app, vault, place, vault_store(kv.url))
    lent = await lend()
    value = lent.values["token"]
    assert (value.value.decode(), value.version, value.stored) == (VALUE, 1, False)
    assert kv.calls == ["/v1/secret/data/apps/collector"]
    assert [(each.organization_id, each.purpose) for each in audit.records] == [
        (place.organization_id, "vault.store")
    ]
    assert VALUE not in repr(lent)


async def test_what_was_fetched_is_held_for_a_minute_and_no_longer(app, outside, kv, lend) -> None:
    place, vault, _, clock, _ = outside
    await kept(app, vault, place, vault_store(kv.url))
    await lend()
    kv.secrets["apps/collector"].append({"api": "second"})
    clock.now += HELD_SECONDS - 1
    assert (await lend()).values["token"].version == 1
    clock.now += 1
    assert (await lend()).values["token"].value == b"second"
    assert len(kv.calls) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda kv: setattr(kv, "sealed", True), "Vault is sealed or not ready."),
        (lambda kv: kv.secrets.clear(), "There is no such secret in Vault"),
        (lambda kv: kv.deleted.add("apps/collector"), "There is no such secret in Vault"),
        (lambda kv: kv.secrets.update({"apps/collector": [{"other": "x"}]}), "has no field 'api'"),
        (lambda kv: kv.secrets.update({"apps/collector": [{"api": ""}]}), "is empty"),
    ],
)
async def test_each_failure_has_its_reason(  # noqa: PLR0917 - fixtures
    app, outside, kv, lend, change, words
) -> None:
    place, vault, _, clock, _ = outside
    store, _ = await kept(app, vault, place, vault_store(kv.url))
    assert (await lend()).failures == {}
    change(kv)
    clock.now += HELD_SECONDS
    lent = await lend()
    assert lent.values == {}
    assert words in lent.failures["token"]
    async with app.transaction(place.organization_id) as txn:
        assert words in (await vault.stores.store(txn, place.environment_id, store.id)).last_error
        assert await txn.value("select outside_version from secrets") == ""


async def test_a_store_that_says_nothing_is_left_alone_and_believed_once_it_is_back(app, outside, kv) -> None:
    place, vault, fetcher, clock, _ = outside
    store, _ = await kept(app, vault, place, vault_store(kv.url))
    names = ["token", *(f"s{number}" for number in range(20))]
    async with app.transaction(place.organization_id) as txn:
        for name in names[1:]:
            kv.secrets[f"apps/{name}"] = [{"api": VALUE}]
            where = Outside(store_id=store.id, path=f"apps/{name}", field="api")
            await vault.create_outside(txn, SYSTEM, place.environment_id, name, where)
    wanted = [(place.environment_id, name) for name in names]
    kv.gate.clear()
    began = time.monotonic()
    assert await fetcher.refresh(place.organization_id, wanted) == len(names)
    assert time.monotonic() - began < 9, "each place waited for itself"
    (pause,) = fetcher._pauses.values()
    assert {each.problem for each in fetcher._held.values()} == {pause.failure.detail}
    kv.gate.set()
    clock.now += HELD_SECONDS
    await fetcher.refresh(place.organization_id, wanted)
    assert {each.problem for each in fetcher._held.values()} == {""}
    assert not fetcher._pauses


async def test_places_of_a_paused_store_are_not_asked_until_one_answers(app, outside, kv) -> None:
    place, vault, fetcher, clock, _ = outside
    store, _ = await kept(app, vault, place, vault_store(kv.url))
    pause = Pause(1000.0, monotonic=clock)
    pause.failed(EgressTimedOut())
    fetcher._pauses[store.id, store.version] = pause
    wanted = [(place.environment_id, "token")]
    await fetcher.refresh(place.organization_id, wanted)
    assert kv.calls == []
    clock.now = pause.until
    await fetcher.refresh(place.organization_id, wanted)
    assert len(kv.calls) == 1
    assert not fetcher._pauses


async def test_a_wrong_token_is_told_without_it(app, outside, kv, lend) -> None:
    place, vault, _, _, _ = outside
    await kept(app, vault, place, vault_store(kv.url, "wrong-canary"))
    failure = (await lend()).failures["token"]
    assert "does not let the token read" in failure
    assert "canary" not in failure


async def test_an_inner_address_is_not_asked(app, signing_database, provider, outside, kv) -> None:
    place, vault, _, _, audit = outside
    await kept(app, vault, place, vault_store(kv.url))
    egress = way_out(audit)  # nothing is allowed
    fetcher = OutsideFetcher(signing_database, KeyService(signing_database, provider), egress)
    try:
        await fetcher.refresh(place.organization_id, [(place.environment_id, "token")])
    finally:
        await egress.aclose()
    assert kv.calls == []


async def test_http_goes_only_to_what_the_operator_allows(  # noqa: PLR0917 - fixtures
    app, signing_database, provider, outside, kv, monkeypatch
) -> None:
    place, vault, _, _, audit = outside
    store, _ = await kept(app, vault, place, vault_store(kv.url))
    egress = way_out(audit, "127.0.0.0/8")
    vet = egress._vetter.vet

    async def as_if_public(*given):
        return msgspec.structs.replace(await vet(*given), ruled=False)

    monkeypatch.setattr(egress._vetter, "vet", as_if_public)
    fetcher = OutsideFetcher(signing_database, KeyService(signing_database, provider), egress)
    await fetcher.refresh(place.organization_id, [(place.environment_id, "token")])
    await egress.aclose()
    assert kv.calls == []
    async with app.transaction(place.organization_id) as txn:
        assert "https only" in (await vault.stores.store(txn, place.environment_id, store.id)).last_error


@pytest.mark.parametrize(
    ("url", "allowed", "good"),
    [
        ("http://vault.example:8200", [], False),
        ("http://vault.example:8200", ["other.example:8200"], False),
        ("http://vault.example:8200", ["vault.example:8201"], False),
        ("http://10.1.0.1:8200", ["10.2.0.0/16:8200"], False),
        ("http://vault.example:8200", ["vault.example:8200"], True),
        ("http://vault.example:8200", ["10.0.0.0/8:8200"], True),
        ("http://10.1.0.1:8200", ["10.1.0.0/16:8200"], True),
        ("https://vault.example:8200", [], True),
    ],
)
async def test_http_is_refused_when_a_store_is_set_up(  # noqa: PLR0917 - fixtures
    app, provider, new_place, url, allowed, good
) -> None:
    place = await new_place()
    policy = EgressPolicy(allow=tuple(AllowRule.parse(each) for each in allowed))
    vault = VaultService(KeyService(app, provider), policy=policy)
    async with app.transaction(place.organization_id) as txn:
        if good:
            made = await vault.stores.create(txn, SYSTEM, place.environment_id, vault_store(url))
            assert made.settings["address"] == url
            return
        with pytest.raises(StoreInvalid) as caught:
            await vault.stores.create(txn, SYSTEM, place.environment_id, vault_store(url))
    (error,) = caught.value.errors
    assert error.field == "vault.address"
    assert "use https" in error.message
    assert "VECTORFLOW_EGRESS_ALLOW" in error.message


async def test_what_was_not_asked_for_is_not_guessed(app, signing_database, provider, outside, kv) -> None:
    place, vault, fetcher, _, _ = outside
    await kept(app, vault, place, vault_store(kv.url))
    service = VaultService(KeyService(signing_database, provider), outside=fetcher)
    async with signing_database.transaction(place.organization_id) as txn:
        with pytest.raises(StoreNotAsked):
            await service.secret_values(txn, place.environment_id, ["token"])


async def test_credentials_are_sealed_and_a_store_in_use_stays(app, outside, kv) -> None:
    place, vault, _, _, _ = outside
    store, _ = await kept(app, vault, place, vault_store(kv.url))
    async with app.transaction(place.organization_id) as txn:
        with pytest.raises(StoreInUse, match="token"):
            await vault.stores.delete(txn, SYSTEM, store)
        log = await txn.value("select json_agg(r)::text from audit_records r")
    assert TOKEN not in log


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewStore(name="x", resolve="server"), "vault"),
        (NewStore(name="x", resolve="node", vault=VaultSettings(address="https://v.example")), "resolve"),
        (
            NewStore(name="x", resolve="server", vault=VaultSettings(address="https://v.example")),
            "credentials.token",
        ),
        (vault_store("https://user:pw@v.example"), "vault.address"),
        (vault_store("https://v.example/path"), "vault.address"),
        (vault_store("ftp://v.example"), "vault.address"),
        (NewStore(name="x", resolve="node", aws=AwsSettings(region="eu-central-1")), "aws.secret_id"),
        (NewStore(name="x", resolve="node", aws=AwsSettings(region="nowhere", secret_id="s")), "aws.region"),
    ],
)
async def test_stores_that_cannot_work_are_refused(app, outside, new, field) -> None:
    place, vault, _, _, _ = outside
    async with app.transaction(place.organization_id) as txn:
        with pytest.raises(StoreInvalid) as caught:
            await vault.stores.create(txn, SYSTEM, place.environment_id, new)
    assert field in [error.field for error in caught.value.errors]


@pytest.mark.parametrize("path", ["", "/x", "a/../b", "a b", "a?b"])
async def test_paths_that_lead_astray_are_refused(app, outside, kv, path) -> None:
    place, vault, _, _, _ = outside
    with pytest.raises(SecretInvalid):
        await kept(app, vault, place, vault_store(kv.url), path=path)


async def test_what_the_node_asks_is_named_by_backend_and_key(app, outside) -> None:
    place, vault, _, _, _ = outside
    aws_store = NewStore(
        name="own", resolve="node", aws=AwsSettings(region="eu-central-1", secret_id="prod/keys")
    )
    await kept(app, vault, place, aws_store, path="", field="api_key")
    async with app.transaction(place.organization_id) as txn:
        (backend,) = await vault.stores.backends(txn, place.environment_id)
    assert (backend.name, backend.type) == ("store-own", "aws_secrets_manager")
    assert backend.options == {"region": "eu-central-1", "secret_id": "prod/keys"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The moto server in a process of its own, that does check credentials; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    passed = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=passed,
    )
    try:
        for _ in range(600):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class _Key:
    async def credentials(self) -> aws.AwsCredentials:
        return aws.AwsCredentials("AKID", "secret")


async def test_aws_gives_whole_texts_and_fields_and_says_what_is_missing(app, outside, moto, lend) -> None:
    place, vault, _, clock, audit = outside
    egress = way_out(audit, "127.0.0.0/8")

    async def say(target, content):
        async with egress.http(Caller("test")) as client:
            return await aws.call_json(
                client, _Key(), endpoint=moto + "/", service="secretsmanager", region="eu-central-1",
                target=f"secretsmanager.{target}", content=content,
            )  # fmt: skip

    await say(
        "CreateSecret",
        {"Name": "prod/api", "SecretString": '{"api": "first", "n": 5}', "ClientRequestToken": "a" * 32},
    )
    new = NewStore(
        name="cloud", resolve="server", aws=AwsSettings(region="eu-central-1", endpoint=moto),
        credentials=StoreCredentials(access_key_id="AKID", secret_access_key="secret"),
    )  # fmt: skip
    store, _ = await kept(app, vault, place, new, path="prod/api", field="api")
    async with app.transaction(place.organization_id) as txn:
        for name, path, field in (("whole", "prod/api", ""), ("gone", "prod/nothing", "")):
            where = Outside(store_id=store.id, path=path, field=field)
            await vault.create_outside(txn, SYSTEM, place.environment_id, name, where)
    first = (await lend()).values["token"]
    assert first.value == b"first"
    assert (await lend("whole")).values["whole"].value == b'{"api": "first", "n": 5}'
    assert "There is no such secret in AWS" in (await lend("gone")).failures["gone"]
    await say(
        "PutSecretValue",
        {"SecretId": "prod/api", "SecretString": '{"api": "second"}', "ClientRequestToken": "b" * 32},
    )
    clock.now += HELD_SECONDS
    second = (await lend()).values["token"]
    assert (second.value, second.version != first.version) == (b"second", True)
    await egress.aclose()
