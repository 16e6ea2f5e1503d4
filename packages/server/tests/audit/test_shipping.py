"""What is shipped is complete, comes again after every trouble, and shows what was done to the database."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import psycopg
import pytest
from packages.server.tests.platform.locked_store import ACCESS, SECRET
from packages.server.tests.platform.test_s3 import Held as AnyKey
from packages.server.tests.platform.test_s3 import moto
from typer.testing import CliRunner

from vectorflow.audit import shipping
from vectorflow.audit.chain import genesis
from vectorflow.audit.errors import AuditSealRefusedError, AuditShippedUnreadableError
from vectorflow.audit.seals import ECDSA_P256, KmsSealKey, Seal, seal_holds
from vectorflow.audit.service import AuditService
from vectorflow.audit.shipped import read_shipped, shipped_records, withheld
from vectorflow.audit.types import AuditFilter
from vectorflow.audit.verifying import Verifier, verify_export
from vectorflow.entry.cli import app
from vectorflow.entry.outbound import build_egress
from vectorflow.entry.serve import ModeRefusedError, refuse_by_mode, serve_roles
from vectorflow.entry.shipping import bucket_of
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.ids import new_id
from vectorflow.platform import aws
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.s3 import S3Bucket, S3Misconfigured, S3Unlocked
from vectorflow.platform.settings import Settings, load_settings

__all__ = ["moto"]


def verified(folder, **options):
    """Verify the platform's log from what lies in the folder alone."""
    verifier = Verifier(None, shipped=read_shipped(folder, **options).of(None))
    for row in shipped_records(folder):
        verifier.record(row)
    return verifier.finish(None)


async def exported(bench, organization_id) -> list[bytes]:
    lines = [part async for part in AuditService(bench.app).export_ndjson(organization_id, AuditFilter())]
    return b"".join(lines).splitlines(keepends=True)


def superuser(bench, *statements, **values):
    """Somebody with all rights on the database, past the triggers."""
    with psycopg.connect(bench.url) as connection:
        connection.execute("set session_replication_role = replica")
        for each in statements:
            connection.execute(each, values)


async def test_all_records_and_both_kinds_of_checkpoints_are_shipped(bench) -> None:
    mine = await bench.organization()
    await bench.write(mine, 3)
    await bench.platform(7)
    await bench.sign()
    assert await bench.shipper.round() == 7
    folder = await bench.download()
    shipped = read_shipped(folder, sealed_by=await bench.seal.public(), trusted=bench.key.public())
    assert set(shipped.proofs) == {None, mine}
    assert list(shipped.of(mine)) == [3]
    verdict = verified(folder)
    assert (verdict.records, verdict.shipped, verdict.broken_at) == (7, 7, None)
    held = [version for versions in bench.store.objects.values() for version in versions]
    assert {version.mode for version in held} == {"COMPLIANCE"}
    assert min(version.until for version in held) > bench.clock.now() + bench.shipper._retention / 2
    assert bench.metric("shipped_objects_total", kind="records") == 1


async def test_a_round_without_news_still_proves_the_moment(bench) -> None:
    await bench.platform(2)
    await bench.shipper.round()
    before = read_shipped(await bench.download())
    await bench.shipper.round()
    after = read_shipped(await bench.download())
    assert after.at > before.at
    assert after.of(None)[2].at == after.at
    assert len([key for key in bench.store.objects if "records" in key]) == 1


async def test_many_records_go_in_several_objects_and_a_cut_off_round_is_done_again(
    bench, monkeypatch
) -> None:
    monkeypatch.setattr(shipping, "MAX_RECORDS", 4)
    await bench.platform(10)
    bench.store.lose_answers = 1  # the object is kept, its answer never comes
    for _ in range(3):
        with suppress(Exception):
            await bench.shipper.round()
            break
    names = [key for key in bench.store.objects if "records" in key]
    assert names == [f"vf/platform/records/{number:012d}.ndjson" for number in (1, 5, 9)]
    assert all(len(bench.store.objects[name]) == 1 for name in names)
    assert verified(await bench.download()).records == 10


async def test_a_position_that_was_lost_makes_no_second_truth(bench) -> None:
    await bench.platform(3)
    await bench.shipper.round()
    superuser(bench, "update platform_audit_shipping set sequence = 0, hash = null")
    await bench.platform(2)
    bench.another_shipper()
    assert await bench.shipper.round() == 5
    names = [key for key in bench.store.objects if "records" in key]
    assert names == [f"vf/platform/records/{number:012d}.ndjson" for number in (1, 4)]
    assert bench.metric("ship_forks_total") == 0
    assert verified(await bench.download()).records == 5


async def test_a_log_that_was_rewritten_is_told_and_both_truths_are_kept(bench) -> None:
    await bench.platform(3)
    await bench.shipper.round()
    genesis_hash = genesis(None)
    superuser(
        bench,
        "delete from platform_audit",
        "update platform_audit_head set sequence = 0, hash = %(hash)s",
        "update platform_audit_shipping set sequence = 0, hash = null",
        hash=genesis_hash,
    )
    await bench.platform(3, "Never did")
    bench.another_shipper()
    await bench.shipper.round()
    assert bench.metric("ship_forks_total") == 1
    verdict = verified(await bench.download())
    assert verdict.broken_at == 1
    assert "fork" in verdict.reason or "second time" in verdict.reason


@pytest.mark.parametrize("status", [403, 503, 0])
async def test_trouble_of_the_store_delays_and_loses_nothing(bench, status) -> None:
    await bench.platform(2)
    bench.store.trouble = status
    with pytest.raises(Exception, match=r"did not|in time"):
        await bench.shipper.round()
    bench.store.trouble = None
    await bench.shipper.round()
    assert verified(await bench.download()).records == 2


async def test_the_lag_grows_the_alarm_sounds_once_and_ends(bench, monkeypatch, caplog) -> None:
    monkeypatch.setattr(shipping, "BEHIND_SECONDS", 0.5)
    told = []
    monkeypatch.setattr(shipping.log, "error", lambda event, **_: told.append(event), raising=False)
    monkeypatch.setattr(shipping.log, "info", lambda event, **_: told.append(event), raising=False)
    bench.store.trouble = 503
    running = asyncio.create_task(bench.shipper.run(1))
    await until(lambda: told == ["audit.ship-behind"])
    assert bench.metric("ship_lag_seconds") > 0.5
    assert bench.metric("ship_failures_total") >= 1
    bench.store.trouble = None
    await until(lambda: told == ["audit.ship-behind", "audit.ship-caught-up"])
    await until(lambda: bench.metric("ship_lag_seconds") < 0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_bucket_without_lock_stops_the_start(bench) -> None:
    bench.store.locks = False
    with pytest.raises(S3Misconfigured, match="no Object Lock"):
        await bench.shipper.run(1)
    assert bench.store.objects == {}


async def test_a_store_that_holds_nothing_is_an_error(bench) -> None:
    await bench.platform(1)
    bench.store.mute = True
    with pytest.raises(S3Unlocked):
        await bench.shipper.round()


CUT = (
    "delete from audit_records where organization_id = %(o)s and sequence > 3",
    "delete from audit_checkpoints where organization_id = %(o)s and sequence > 3",
    """update audit_heads h set sequence = r.sequence, hash = r.hash from audit_records r
       where h.organization_id = %(o)s and r.organization_id = %(o)s and r.sequence = 3""",
)


async def test_a_tail_cut_with_its_checkpoints_is_proved_by_what_was_shipped(bench) -> None:
    mine = await bench.organization()
    await bench.write(mine, 5)
    await bench.sign()
    await bench.shipper.round()
    await bench.write(mine, 2)
    superuser(bench, *CUT, o=mine)
    lines = await exported(bench, mine)
    assert verify_export(lines).broken_at is None  # the database alone cannot tell
    shipped = read_shipped(await bench.download())
    verdict = verify_export(lines, shipped=shipped.proofs)
    assert verdict.broken_at == 4
    assert "proves 5 records" in verdict.reason
    in_database = await AuditService(bench.worker).verify(mine, shipped=shipped.of(mine))
    assert in_database.broken_at == 4


async def test_a_log_rewritten_and_signed_anew_is_a_fork_of_what_was_shipped(bench) -> None:
    mine = await bench.organization()
    await bench.write(mine, 5)
    await bench.sign()
    await bench.shipper.round()
    first = ("delete from audit_records where organization_id = %(o)s",
             "delete from audit_checkpoints where organization_id = %(o)s",
             "delete from audit_heads where organization_id = %(o)s")  # fmt: skip
    superuser(bench, *first, o=mine)
    await bench.write(mine, 6, "Never did")
    await bench.sign()  # whoever has all of the server has this key too
    lines = await exported(bench, mine)
    assert verify_export(lines, trusted=bench.key.public()).broken_at is None
    verdict = verify_export(lines, shipped=read_shipped(await bench.download()).proofs)
    assert (verdict.broken_at, "not the ones that were shipped" in verdict.reason) == (1, True)


async def test_the_platforms_records_cut_edited_and_reordered_in_the_database_are_named(bench) -> None:
    await bench.platform(6)
    await bench.shipper.round()
    proofs = read_shipped(await bench.download()).of(None)
    service = AuditService(bench.worker)
    assert (await service.verify_platform(shipped=proofs)).shipped == 6
    superuser(
        bench,
        "delete from platform_audit where sequence > 4",
        """update platform_audit_head h set sequence = r.sequence, hash = r.hash
           from platform_audit r where r.sequence = 4""",
    )
    assert (await service.verify_platform(shipped=proofs)).broken_at == 5


async def test_a_customer_is_given_its_own_lines_and_the_seal_still_holds(bench, tmp_path) -> None:
    mine, other = await bench.organization(), await bench.organization()
    for each in (mine, other):
        await bench.write(each, 2)
    await bench.sign()
    await bench.shipper.round()
    folder = await bench.download()
    (path,) = (folder / "checkpoints").rglob("*.ndjson")
    part = withheld(path.read_bytes(), mine)
    assert str(other).encode() not in part
    assert withheld(path.read_bytes(), new_id()) is None
    given = tmp_path / "given/checkpoints"
    given.mkdir(parents=True)
    (given / path.name).write_bytes(part)
    shipped = read_shipped(tmp_path / "given", sealed_by=await bench.seal.public())
    assert set(shipped.proofs) == {mine}
    lines = part.splitlines()
    fields = json.loads(next(line for line in lines if b'"checkpoint"' in line))
    forged = part.replace(f'"sequence":{fields["sequence"]}'.encode(), b'"sequence":1')
    (given / path.name).write_bytes(forged)
    with pytest.raises(AuditShippedUnreadableError, match="seal is false"):
        read_shipped(tmp_path / "given")


@pytest.mark.parametrize("broken", [b"", b"{}\n", b"\xff\n", b'{"kind":"seal"}\n'])
async def test_what_is_no_sealed_object_is_refused(tmp_path, broken) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/a.ndjson").write_bytes(broken)
    with pytest.raises(AuditShippedUnreadableError, match=r"a\.ndjson"):
        read_shipped(tmp_path)


async def test_a_seal_of_another_key_is_not_believed(bench) -> None:
    await bench.shipper.round()
    with pytest.raises(AuditShippedUnreadableError, match="not trusted"):
        read_shipped(await bench.download(), sealed_by=bench.key.public())
    assert await bench.seal.public() != bench.key.public()


async def test_a_key_of_a_kms_seals_and_only_the_right_kind_of_key(bench, moto, make) -> None:
    egress = make(moto).egress
    async with egress.http(Caller("audit.ship"), limits=EgressLimits(total_seconds=20)) as client:
        keys = [await new_key(client, moto, spec) for spec in ("ECC_NIST_P256", "ECC_NIST_P384")]
        good, other = (KmsSealKey(client, AnyKey(), arn, endpoint=f"http://{moto}/") for arn in keys)
        bench.another_shipper(good)
        await bench.platform(1)
        await bench.shipper.round()
        assert read_shipped(await bench.download(), sealed_by=await good.public()).of(None)
        seal = await good.seal(b"x" * 32, bench.clock.now())
        assert (seal.algorithm, seal_holds(seal, b"x" * 32), seal_holds(seal, b"y" * 32)) == (
            ECDSA_P256,
            True,
            False,
        )
        with pytest.raises((AuditSealRefusedError, aws.AwsFailed)):
            await other.seal(b"x" * 32, bench.clock.now())


async def new_key(client, moto: str, spec: str) -> str:
    answer = await aws.call_json(
        client,
        AnyKey(),
        endpoint=f"http://{moto}/",
        service="kms",
        region="us-east-1",
        target="TrentService.CreateKey",
        content={"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"},
    )
    return answer["KeyMetadata"]["Arn"]


def test_a_seal_that_is_nonsense_does_not_hold() -> None:
    for algorithm in ("ed25519", ECDSA_P256, "none"):
        assert not seal_holds(Seal(datetime.now(UTC), algorithm, b"x", b"y"), b"z" * 32)


# --- the role and the commands ---


def settings_of(bench, state_dir, tmp_path) -> dict[str, str]:
    credentials = tmp_path / "aws"
    credentials.write_text(f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
    endpoint = bench.bucket._place.endpoint
    return {
        "VECTORFLOW_DATABASE_URL": bench.url,
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_AUDIT_SHIP_BUCKET": "logs/vf",
        "VECTORFLOW_AUDIT_SHIP_REGION": "eu-west-1",
        "VECTORFLOW_AUDIT_SHIP_ENDPOINT": endpoint,
        "VECTORFLOW_AUDIT_SHIP_SECONDS": "1",
        "VECTORFLOW_AUDIT_SHIP_CREDENTIALS_FILE": str(credentials),
        "VECTORFLOW_EGRESS_ALLOW": endpoint.removeprefix("http://").rstrip("/"),
    }


async def command(environment, *arguments: str):
    return await asyncio.to_thread(CliRunner(env=environment).invoke, app, ["audit", *arguments])


async def test_the_role_ships_and_the_commands_verify_what_it_shipped(bench, state_dir, tmp_path) -> None:
    environment = settings_of(bench, state_dir, tmp_path)
    mine = await bench.organization()
    await bench.write(mine, 4)
    await bench.platform(3)
    await bench.sign()
    settings, _ = load_settings(environment)
    stop = asyncio.Event()
    running = asyncio.create_task(serve_roles(settings, ["shipper"], stop))
    try:
        await until(lambda: running.done() or any("checkpoints" in key for key in bench.store.objects))
    finally:
        stop.set()
        await running
    folder, given = tmp_path / "down", tmp_path / "given"
    fetched = await command(environment, "download", str(folder))
    assert fetched.exit_code == 0, fetched.output
    assert (await command(environment, "download", str(folder))).exit_code == 2
    sealer = (await command(environment, "shipper-key")).output.strip()
    good = await command({}, "verify", "--shipped", str(folder), "--sealed-by", sealer)
    assert good.exit_code == 0, good.output
    assert "platform: 3 records, the chain holds." in good.output
    assert "when record 3 was shipped, can have been removed unseen" in good.output
    export = tmp_path / "log.ndjson"
    export.write_bytes(b"".join(await exported(bench, mine)))
    assert (await command({}, "extract", str(folder), str(mine), str(given))).exit_code == 0
    whole = await command({}, "verify", str(export), "--shipped", str(given), "--sealed-by", sealer)
    assert whole.exit_code == 0, whole.output
    await bench.write(mine, 2)
    export.write_bytes(b"".join(await exported(bench, mine)))
    later = await command({}, "verify", str(export), "--shipped", str(given), "--sealed-by", sealer)
    assert "records 5 to 6 stand after the last shipped checkpoint" in later.output
    superuser(bench, *CUT, o=mine)
    export.write_bytes(b"".join(await exported(bench, mine)))
    cut = await command({}, "verify", str(export), "--shipped", str(given), "--sealed-by", sealer)
    assert (cut.exit_code, "BROKEN at record 4: the tail was cut" in cut.output) == (1, True)
    inside = await command(environment, "verify", "--database", "--shipped", str(folder))
    assert inside.exit_code == 1
    assert f"{mine}: BROKEN at record 4" in inside.output


async def test_the_role_does_not_start_with_a_bucket_without_lock(bench, state_dir, tmp_path) -> None:
    bench.store.locks = False
    settings, _ = load_settings(settings_of(bench, state_dir, tmp_path))
    with pytest.raises(ExceptionGroup) as caught:
        await serve_roles(settings, ["shipper"])
    assert caught.group_contains(S3Misconfigured, match="no Object Lock")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mode": "cloud", "egress_allow": ()}, "never by a file"),
        ({"audit_ship_key": "aws-kms:nonsense"}, "ARN"),
        ({"audit_ship_key": "x"}, "is written as"),
        ({"audit_ship_bucket": None}, "AUDIT_SHIP_BUCKET"),
        ({"audit_ship_bucket": "A_B"}, "name of a bucket"),
    ],
)
async def test_settings_that_cannot_be_used_are_told(bench, state_dir, tmp_path, change, reason) -> None:
    settings, _ = load_settings(settings_of(bench, state_dir, tmp_path))
    changed = msgspec.structs.replace(settings, **change)
    egress = build_egress(changed, bench.app, Metrics())
    with pytest.raises(VectorFlowError, match=reason):
        async with bucket_of(changed, egress):
            pass
    await egress.aclose()


def test_in_cloud_mode_the_shipper_runs_apart() -> None:
    settings = Settings(mode="cloud", audit_ship_bucket="logs", key_provider="aws-kms:x")
    with pytest.raises(ModeRefusedError, match="shipper runs apart"):
        refuse_by_mode(settings, ["gateway", "shipper"])
    refuse_by_mode(settings, ["shipper"])


async def test_another_bucket_is_given_all_from_the_beginning(bench) -> None:
    mine = await bench.organization()
    await bench.write(mine, 2)
    await bench.platform(3)
    await bench.sign()
    await bench.shipper.round()
    there = dict(bench.store.objects)
    bench.store.objects.clear()
    place = msgspec.structs.replace(bench.bucket._place, prefix="other/")
    bench.bucket = S3Bucket(bench.bucket._client, bench.bucket._identity, place)
    await bench.another_shipper().round()
    shipped = read_shipped(await bench.download())
    assert verified(await bench.download()).records == 3
    assert list(shipped.of(mine)) == [2]
    assert len(there) == len(bench.store.objects)
