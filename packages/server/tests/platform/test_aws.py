"""Signatures against AWS's published examples, identities from files and STS, and nothing taken from around."""

import datetime
import logging
from urllib.parse import parse_qs

import botocore.auth
import pytest
from packages.server.tests.platform.egress.conftest import authority, ca_file, make, resolver
from packages.server.tests.platform.egress.servers import answer, http_server

from vectorflow.platform import aws
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.record import Caller

__all__ = ["authority", "ca_file", "make", "resolver"]

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId>
<SecretAccessKey>s&amp;cret</SecretAccessKey><SessionToken>tok/en==</SessionToken></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


def at(monkeypatch, text: str) -> None:
    moment = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)


def signature(request: HttpRequest) -> str:
    return request.headers["Authorization"].rpartition("Signature=")[2]


def test_the_published_example_of_sigv4(monkeypatch) -> None:
    at(monkeypatch, "20150830T123600Z")
    request = HttpRequest(url="https://example.amazonaws.com/")
    got = aws.signed(request, aws.AwsCredentials("AKIDEXAMPLE", SECRET), "service", "us-east-1")
    assert signature(got) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    assert not any(name.lower() == "host" for name in got.headers)


def test_the_published_example_of_s3(monkeypatch) -> None:
    at(monkeypatch, "20130524T000000Z")
    request = HttpRequest(
        url="https://examplebucket.s3.amazonaws.com/test.txt", headers={"Range": "bytes=0-9"}
    )
    got = aws.signed(request, aws.AwsCredentials("AKIAIOSFODNN7EXAMPLE", S3_SECRET), "s3", "us-east-1")
    assert signature(got) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_method_address_headers_and_body_are_signed(monkeypatch) -> None:
    at(monkeypatch, "20150830T123600Z")
    whole = {"url": "https://a.example/x", "method": "PUT", "headers": {"x-amz-a": "1"}, "body": b"b"}
    held = aws.AwsCredentials("AKIDEXAMPLE", SECRET)
    good = signature(aws.signed(HttpRequest(**whole), held, "s3", "us-east-1"))
    others = (
        {"url": "https://a.example/y"},
        {"method": "POST"},
        {"headers": {"x-amz-a": "2"}},
        {"body": b"c"},
    )
    made = [signature(aws.signed(HttpRequest(**whole | each), held, "s3", "us-east-1")) for each in others]
    assert len({good, *made}) == 5


def test_the_library_writes_nothing_that_is_signed_into_a_log(caplog) -> None:
    held = aws.AwsCredentials("AKIDEXAMPLE", SECRET, "the-session-token")
    with caplog.at_level(logging.DEBUG):
        aws.signed(HttpRequest(url="https://a.example/"), held, "kms", "us-east-1")
    assert "the-session-token" not in caplog.text
    assert "the-session-token" not in repr(held)


async def test_an_access_key_comes_from_its_file_and_from_nowhere_else(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text("[default]\naws_access_key_id=AKIHOME\naws_secret_access_key=x\n")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(aws.AwsIdentityMissing):
        await aws.NoIdentity().credentials()
    path = tmp_path / "key"
    identity = aws.FileIdentity(path)
    for bad in ("", "[default]\naws_access_key_id=AKI", "no section"):
        path.write_text(bad)
        with pytest.raises(aws.AwsIdentityMissing):
            await identity.credentials()
    path.write_text("[default]\naws_access_key_id = AKIFILE\naws_secret_access_key = per%cent\n")
    assert await identity.credentials() == aws.AwsCredentials("AKIFILE", "per%cent")


async def test_roles_are_taken_on_and_held(make, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text("jwt\n")
    async with http_server(answer(200, SESSION)) as server:
        endpoint = f"http://127.0.0.1:{server.port}/"
        bench = make(f"127.0.0.1:{server.port}")
        async with bench.egress.http(Caller("test")) as client:
            web = aws.WebIdentity(client, endpoint, "arn:aws:iam::1:role/a", token)
            assumed = aws.AssumedRole(
                client, web, endpoint=endpoint, region="eu-west-1", role_arn="arn:r", external_id="ext"
            )
            for _ in range(2):
                assert await assumed.credentials() == aws.AwsCredentials("ASIAX", "s&cret", "tok/en==")
        first, second = (parse_qs(each.body.decode()) for each in server.requests)
        assert first["WebIdentityToken"] == ["jwt"]
        assert "authorization" not in server.requests[0].headers
        assert (second["Action"], second["ExternalId"]) == (["AssumeRole"], ["ext"])
        assert "Credential=ASIAX/" in server.requests[1].headers["authorization"]
        assert server.requests[1].headers["x-amz-security-token"] == "tok/en=="


async def test_refusals_have_a_code_and_no_text_of_the_other_side(make) -> None:
    refusal = b'{"__type":"com.amazonaws#AccessDeniedException","message":"arn of somebody"}'
    async with http_server(answer(400, refusal)) as server:
        bench = make(f"127.0.0.1:{server.port}")
        async with bench.egress.http(Caller("test")) as client:
            held = HeldIdentity()
            call = {"service": "kms", "region": "r", "target": "TrentService.Decrypt", "content": {}}
            endpoint = f"http://127.0.0.1:{server.port}/"
            with pytest.raises(aws.AwsFailed) as caught:
                await aws.call_json(client, held, endpoint=endpoint, **call)
            assert (caught.value.aws_code, caught.value.status_code) == ("AccessDeniedException", 400)
            assert "somebody" not in str(caught.value)
            server.handler = answer(500, b"\xff<html>")
            with pytest.raises(aws.AwsFailed, match="without a name"):
                await aws.call_json(client, held, endpoint=endpoint, **call)


class HeldIdentity:
    async def credentials(self) -> aws.AwsCredentials:
        return aws.AwsCredentials("AKI", "x")


def test_regions_and_addresses() -> None:
    assert aws.region_of("arn:aws:kms:eu-central-1:1:key/2") == "eu-central-1"
    assert aws.region_of("nonsense") == ""
    assert aws.endpoint_of("kms", "eu-central-1") == "https://kms.eu-central-1.amazonaws.com/"
    assert aws.endpoint_of("kms", "cn-north-1").endswith(".amazonaws.com.cn/")
