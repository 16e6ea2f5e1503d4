"""Raw TLS to a vetted address, and the trust it rests on."""

import asyncio
import ssl

import pytest
from packages.server.tests.platform.egress.servers import listening

from vectorflow.kernel.errors import InvalidInputError
from vectorflow.platform.egress import trust
from vectorflow.platform.egress.errors import (
    EgressCertificateRefused,
    EgressFailed,
    EgressPolicyInvalid,
    EgressRefused,
    EgressTimedOut,
)
from vectorflow.platform.egress.policy import EgressLimits, EgressPolicy
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.tls import TlsClient

pytestmark = pytest.mark.usefixtures("strict_egress_guard")


async def echo(reader, writer) -> None:
    writer.write(await reader.readline())
    await writer.drain()


def client_of(bench, **options) -> TlsClient:
    return bench.egress.tls(Caller("test"), **options)


async def test_bytes_go_there_and_back(make, resolver, authority) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with listening(echo, context=authority.server_context("a.example")) as port:
        bench = make(f"127.0.0.1:{port}")
        async with client_of(bench).open("A.example", port) as (reader, writer):
            assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
        assert bench.calls("tls", "ok") == 1


async def test_the_certificate_is_checked_for_the_name(make, resolver, authority) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    async with listening(echo, context=authority.server_context("127.0.0.1")) as port:
        with pytest.raises(EgressCertificateRefused, match=r"a\.example"):
            await client_of(make(f"127.0.0.1:{port}")).open("a.example", port).__aenter__()


async def test_an_address_needs_a_certificate_for_the_address(make, authority) -> None:
    async with (
        listening(echo, context=authority.server_context("127.0.0.1")) as port,
        client_of(make(f"127.0.0.1:{port}")).open("127.0.0.1", port) as (reader, writer),
    ):
        writer.write(b"x\n")
        assert await reader.readline() == b"x\n"


async def test_old_protocols_are_refused(make, resolver, authority) -> None:
    resolver.set("a.example", ["127.0.0.1"])
    context = authority.server_context("a.example")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(echo, context=context) as port:
        with pytest.raises(EgressFailed):
            await client_of(make(f"127.0.0.1:{port}")).open("a.example", port).__aenter__()


async def test_inner_addresses_and_other_ports_are_refused(make, resolver) -> None:
    resolver.set("a.example", ["10.0.0.1"])
    for port in (443, 5432):
        with pytest.raises(EgressRefused):
            await client_of(make()).open("a.example", port).__aenter__()


async def test_the_total_time_covers_the_block_and_a_broken_line_is_an_error(
    make, resolver, authority
) -> None:
    async def hold(reader, writer) -> None:
        await asyncio.sleep(60)

    async def drop(reader, writer) -> None:
        writer.write(b"ab")
        await writer.drain()
        writer.close()

    resolver.set("a.example", ["127.0.0.1"])
    for serve, error in ((hold, EgressTimedOut), (drop, EgressFailed)):
        async with listening(serve, context=authority.server_context("a.example")) as port:
            client = client_of(make(f"127.0.0.1:{port}"), limits=EgressLimits(total_seconds=0.5))
            with pytest.raises(error):
                async with client.open("a.example", port) as (reader, _):
                    await reader.readexactly(5)


def test_every_context_checks_certificates(authority, ca_file, tmp_path) -> None:
    for context in (trust.system_context(EgressPolicy(ca_file=ca_file)), trust.only(authority.pem)):
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(trust.only(authority.pem).get_ca_certs()) == 1
    with pytest.raises(EgressPolicyInvalid):
        trust.system_context(EgressPolicy(ca_file=tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("nonsense")
    with pytest.raises(EgressPolicyInvalid):
        trust.system_context(EgressPolicy(ca_file=tmp_path / "bad.pem"))
    for bad in ("", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(InvalidInputError):
            trust.only(bad)
