"""A bucket under lock: against moto's real server, and against a store that really refuses."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from packages.server.tests.platform.egress.conftest import authority, ca_file, make, resolver
from packages.server.tests.platform.egress.servers import answer, http_server
from packages.server.tests.platform.locked_store import ACCESS, BUCKET, REGION, SECRET, LockedStore

from vectorflow.platform import aws
from vectorflow.platform.egress.errors import EgressTimedOut
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.s3 import S3Bucket, S3Failed, S3Misconfigured, S3Place, S3Unlocked

__all__ = ["authority", "ca_file", "make", "resolver"]

KIND = "text/plain"
LIMITS = EgressLimits(total_seconds=5, redirects=0)


class Held:
    """The shipper's own access key."""

    def __init__(self, secret: str = SECRET) -> None:
        self._held = aws.AwsCredentials(ACCESS, secret)

    async def credentials(self) -> aws.AwsCredentials:
        return self._held


def later(days: int = 1) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@pytest.fixture
async def store(make):
    """The store that refuses, and a bucket on it."""
    store = LockedStore()
    async with http_server(store) as server:
        bench = make(f"127.0.0.1:{server.port}")
        endpoint = f"http://127.0.0.1:{server.port}/"
        async with bench.egress.http(Caller("test"), limits=LIMITS) as client:
            store.endpoint, store.client = endpoint, client
            store.bucket = S3Bucket(client, Held(), S3Place(endpoint, REGION, BUCKET, "vf/"))
            yield store


async def test_an_object_is_written_once_and_read_back(store) -> None:
    await store.bucket.check()
    assert await store.bucket.put_once("a/1 ü.txt", b"one", kind=KIND, until=later())
    assert not await store.bucket.put_once("a/1 ü.txt", b"two", kind=KIND, until=later())
    assert await store.bucket.get("a/1 ü.txt") == b"one"
    assert list(store.objects) == ["vf/a/1 ü.txt"]
    assert await store.bucket.first_versions() == [("a/1 ü.txt", "1")]


async def test_a_false_signature_is_refused(store) -> None:
    place = S3Place(store.endpoint, REGION, BUCKET)
    with pytest.raises(S3Failed, match="403 SignatureDoesNotMatch"):
        await S3Bucket(store.client, Held("another"), place).check()


async def signed_call(store, method: str, path: str, body: bytes = b"") -> int:
    """What somebody with all rights on the bucket can do."""
    request = HttpRequest(url=f"{store.endpoint}{BUCKET}/{path}", method=method, body=body)
    sent = aws.signed(request, await Held().credentials(), "s3", REGION)
    return (await store.client.request(sent)).status


async def nothing_helps_an_attacker(store) -> None:
    await store.bucket.put_once("a", b"proof", kind=KIND, until=later())
    soon = datetime.now(UTC).isoformat().encode()
    assert await signed_call(store, "PUT", "vf/a?retention=&versionId=1", soon) == 403
    assert await signed_call(store, "DELETE", "vf/a?versionId=1") == 403
    assert await signed_call(store, "PUT", "vf/a", b"forged") == 200  # a newer version
    assert await signed_call(store, "DELETE", "vf/a") == 204  # a mark of deletion
    ((key, version),) = await store.bucket.first_versions()
    assert await store.bucket.get(key, version) == b"proof"


async def test_what_is_held_can_be_neither_shortened_nor_deleted_nor_covered(store) -> None:
    await nothing_helps_an_attacker(store)


async def test_the_test_above_fails_when_the_store_does_not_refuse(store) -> None:
    store.refusing = False
    with pytest.raises(AssertionError):
        await nothing_helps_an_attacker(store)


async def test_a_store_that_takes_locks_without_keeping_them_is_found(store) -> None:
    store.mute = True
    with pytest.raises(S3Unlocked):
        await store.bucket.put_once("a", b"x", kind=KIND, until=later())


async def test_a_bucket_without_lock_or_that_is_not_there_is_refused(store) -> None:
    store.locks = False
    with pytest.raises(S3Misconfigured, match="no Object Lock"):
        await store.bucket.check()
    with pytest.raises(S3Misconfigured, match="no bucket others"):
        await S3Bucket(store.client, Held(), S3Place(store.endpoint, REGION, "others")).check()


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_a_store_that_cannot_is_an_error_that_says_so(store, status) -> None:
    store.trouble = status
    for call in (
        store.bucket.check(),
        store.bucket.put_once("a", b"x", kind=KIND, until=later()),
        store.bucket.first_versions(),
        store.bucket.get("a"),
    ):
        with pytest.raises(S3Failed, match=str(status)):
            await call


async def test_a_store_that_trickles_is_given_up(store, make) -> None:
    store.trouble = 0
    port = int(store.endpoint.rstrip("/").rpartition(":")[2])
    limits = EgressLimits(total_seconds=0.5, redirects=0)
    async with make(f"127.0.0.1:{port}").egress.http(Caller("test"), limits=limits) as client:
        with pytest.raises(EgressTimedOut):
            await S3Bucket(client, Held(), S3Place(store.endpoint, REGION, BUCKET)).check()


@pytest.mark.parametrize("status", [301, 400])
async def test_a_wrong_region_is_named(make, status) -> None:
    wrong = answer(
        status, b"<Error><Code>X</Code></Error>", x_amz_bucket_region="ap-south-1", location="http://e/"
    )
    async with http_server(wrong) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with bench.egress.http(Caller("test"), limits=LIMITS) as client:
            place = S3Place(f"http://127.0.0.1:{server.port}/", REGION, BUCKET)
            with pytest.raises(S3Misconfigured, match=r"in ap-south-1, not in eu-west-1"):
                await S3Bucket(client, Held(), place).check()


@pytest.mark.parametrize("name", ["", "A", "a/b", "x?y", ".a"])
def test_names_that_are_none_are_refused(name) -> None:
    with pytest.raises(S3Misconfigured):
        S3Place("https://a.example", "eu-west-1", name)


# --- moto ---

MOTO = """
import json, signal, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(json.dumps(server.get_host_and_port()), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def moto():
    """A process of its own that speaks as AWS does."""
    process = subprocess.Popen(
        [sys.executable, "-c", MOTO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        host, port = json.loads(process.stdout.readline())
        yield f"{host}:{port}"
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


async def test_moto_takes_what_we_send(moto, make) -> None:
    bench = make(moto)
    async with bench.egress.http(Caller("test"), limits=LIMITS) as client:
        for name, headers in (("locked", {"x-amz-bucket-object-lock-enabled": "true"}), ("open", {})):
            request = HttpRequest(url=f"http://{moto}/{name}", method="PUT", headers=headers)
            sent = aws.signed(request, await Held().credentials(), "s3", "us-east-1")
            assert (await client.request(sent)).status == 200
        place = S3Place(f"http://{moto}/", "us-east-1", "locked", "vf/")
        bucket = S3Bucket(client, Held(), place)
        await bucket.check()
        assert await bucket.put_once("b", b"1", kind=KIND, until=later())
        assert await bucket.put_once("a", b"2", kind=KIND, until=later())
        assert not await bucket.put_once("a", b"3", kind=KIND, until=later())
        (first, version), (second, _) = await bucket.first_versions()
        assert (first, second) == ("a", "b")
        assert await bucket.get("a", version) == b"2"
        request = HttpRequest(url=f"http://{moto}/locked/vf/a?versionId={version}", method="DELETE")
        sent = aws.signed(request, await Held().credentials(), "s3", "us-east-1")
        assert (await client.request(sent)).status == 403
        with pytest.raises(S3Misconfigured, match="no Object Lock"):
            await S3Bucket(client, Held(), S3Place(f"http://{moto}/", "us-east-1", "open")).check()
