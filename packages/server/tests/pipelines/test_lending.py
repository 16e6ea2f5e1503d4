"""What an environment lends (`vault.variables`, `vault.certificates`, `vault.lookup_files`), from upload to revision."""

import asyncio
import hashlib

import psycopg
import pytest
from packages.server.tests.vault.papers import authority, leaf, pem_key, pem_of

from vectorflow.kernel.actor import SYSTEM
from vectorflow.pipelines.errors import DocumentInvalid

VALUE = "canary-51f0c3"


async def revise(house, world, pipeline):
    async with house.services.database.transaction(world.organization_id) as txn:
        row = await house.revisions.make_revision(txn, pipeline["id"], "m", SYSTEM)
        return await house.revisions.stored(txn, pipeline["id"], row.number)


async def made(client, world, document, name="P"):
    answer = await client.post(f"{world.path}/pipelines", {"name": name, "document": document})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def plain(document):
    """The document without its secret."""
    del document["components"][2]["options"]["auth"]
    return document


async def test_typed_variables_become_typed_options(house, world, client, plain) -> None:
    for name, kind, value in (
        ("host", "string", "logs.example.com"), ("wait", "duration", "1.5m"), ("size", "bytes", "2MiB"),
        ("check", "boolean", False), ("tries", "number", 7),
    ):  # fmt: skip
        answer = await client.post(f"{world.path}/variables", {"name": name, "type": kind, "value": value})
        assert (answer.status_code, answer.json()["value"]) == (201, value), answer.text
    sink = plain["components"][2]["options"]
    sink |= {
        "uri": "https://VAR[host]/in",
        "healthcheck": {"enabled": "VAR[check]"},
        "request": {"timeout_secs": "VAR[wait]", "retry_attempts": "VAR[tries]"},
        "batch": {"max_bytes": "VAR[size]"},
    }
    pipeline = await made(client, world, plain)
    stored = await revise(house, world, pipeline)
    text = stored.yaml.decode()
    for line in ("https://logs.example.com/in", "timeout_secs: 90", "max_bytes: 2097152", "enabled: false",
                 "retry_attempts: 7"):  # fmt: skip
        assert line in text
    used = (await client.get(f"{world.path}/variables?q=host")).json()["items"][0]["used_by"]
    assert used == [{"pipeline_id": pipeline["id"], "name": "P"}]


async def test_a_changed_variable_waits_for_a_new_revision_and_says_so(house, world, client, plain) -> None:
    variable = (
        await client.post(f"{world.path}/variables", {"name": "h", "type": "string", "value": "a.example"})
    ).json()
    plain["components"][2]["options"]["uri"] = "https://VAR[h]/"
    pipeline = await made(client, world, plain)
    first = await revise(house, world, pipeline)
    path = f"{world.path}/variables/{variable['id']}"
    assert (await client.put(path, {"value": "b.example"})).status_code == 428
    assert (await client.put(path, {"value": "b.example"}, etag=variable["etag"])).status_code == 200
    assert (await client.put(path, {"value": "c.example"}, etag=variable["etag"])).status_code == 412
    listed = (await client.get(f"{world.path}/pipelines")).json()["items"][0]
    assert listed["outdated"] == [{"kind": "variable", "name": "h"}]
    async with house.services.database.transaction(world.organization_id) as txn:
        row = await house.pipelines.pipeline(txn, world.environment_id, pipeline["id"])
        checked, _ = await house.revisions.preview(txn, row, SYSTEM)
        assert "environment.changed" in {each.rule for each in checked.findings}
        again = await house.revisions.stored(txn, pipeline["id"], 1)
        difference = await house.revisions.difference(txn, row, 1, "draft")
    assert again.yaml == first.yaml
    assert "b.example" in (difference.text or "")
    second = await revise(house, world, pipeline)
    assert second.row.number == 2
    assert (await client.get(f"{world.path}/pipelines")).json()["items"][0]["outdated"] == []
    refused = await client.delete(
        path, etag=(await client.get(f"{world.path}/variables")).json()["items"][0]["etag"]
    )
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "vault.variable-in-use")


async def test_a_sensitive_variable_is_a_secret_everywhere(house, world, client, viewer, document) -> None:
    body = {"name": "token", "type": "string", "value": VALUE, "sensitive": True}
    answer = await client.post(f"{world.path}/variables", body)
    assert (answer.status_code, answer.json()["value"]) == (201, None)
    document["components"][2]["options"]["auth"]["token"] = "VAR[token]"
    pipeline = await made(client, world, document)
    stored = await revise(house, world, pipeline)
    assert 'token: "SECRET[vectorflow.var.token]"' in stored.yaml.decode()
    assert stored.row.secrets == ("var.token",)
    for path in (
        "variables",
        "pipelines",
        f"pipelines/{pipeline['id']}",
        "secret-destinations?secret=var.token",
    ):
        assert VALUE not in (await client.get(f"{world.path}/{path}")).text
    async with house.services.database.transaction(world.organization_id) as txn:
        log = await txn.value("select json_agg(r)::text from audit_records r")
    assert VALUE not in log
    (approved,) = (await client.get(f"{world.path}/secret-destinations?secret=var.token")).json()["approved"]
    assert approved["destination"] == "https://example.com"
    document["components"][1]["options"]["source"] = '.x = "VAR[token]"'
    checked = (await client.post(f"{world.path}/check", {"document": document})).json()
    assert "secret.misplaced" in {each["rule"] for each in checked["findings"]}
    assert VALUE not in str(checked)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", 5), ("string", ""), ("number", "5"), ("number", True), ("boolean", 1), ("duration", "5"),
     ("duration", "-5s"), ("bytes", "5 apples"), ("bytes", "99999999999TiB"), ("list", []), ("list", "a")],
)  # fmt: skip
async def test_a_value_must_fit_its_type(client, world, kind, value) -> None:
    answer = await client.post(f"{world.path}/variables", {"name": "v", "type": kind, "value": value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "value")


async def test_lists_stand_alone_and_only_text_is_sensitive(house, world, client, plain) -> None:
    await client.post(f"{world.path}/variables", {"name": "l", "type": "list", "value": ["a", "b"]})
    plain["components"][2]["options"]["uri"] = "https://VAR[l]/"
    checked = (await client.post(f"{world.path}/check", {"document": plain})).json()
    assert "variable.list-inline" in {each["rule"] for each in checked["findings"]}
    refused = await client.post(
        f"{world.path}/variables", {"name": "n", "type": "number", "value": 1, "sensitive": True}
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "sensitive")


async def test_a_certificate_and_its_key_reach_the_revision_apart(house, world, client, plain) -> None:
    ca, ca_key = authority()
    one, key = leaf(ca, ca_key)
    body = {"name": "web", "chain": pem_of(one, ca), "private_key": pem_key(key)}
    answer = await client.post(f"{world.path}/certificates", body)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["state"], found["has_key"], found["chain"]) == ("ok", True, "complete")
    assert found["certificates"][0]["names"] == ["logs.example.com"]
    assert "PRIVATE KEY" not in answer.text
    plain["components"][2]["options"]["tls"] = {
        "crt_file": "CERT[web]",
        "key_file": "KEY[web]",
        "ca_file": "CERT[web]",
    }
    pipeline = await made(client, world, plain)
    stored = await revise(house, world, pipeline)
    text = stored.yaml.decode()
    assert f"crt_file: files/{found['sha256']}" in text
    assert 'key_file: "SECRET[vectorflow.key.web.1]"' in text
    assert stored.row.secrets == ("key.web.1",)
    # A renewed certificate keeps the old revision whole, and takes effect with the next one.
    newer, newer_key = leaf(ca, ca_key)
    body = {"chain": pem_of(newer), "private_key": pem_key(newer_key)}
    renewed = await client.put(f"{world.path}/certificates/{found['id']}", body, etag=found["etag"])
    assert (renewed.status_code, renewed.json()["version"]) == (200, 2)
    listed = (await client.get(f"{world.path}/pipelines")).json()["items"][0]
    assert listed["outdated"] == [{"kind": "certificate", "name": "web"}]
    assert (await revise(house, world, pipeline)).row.secrets == ("key.web.2",)
    refused = await client.delete(f"{world.path}/certificates/{found['id']}", etag=renewed.headers["etag"])
    assert refused.status_code == 409


async def test_what_is_not_there_and_what_has_no_key_is_told(house, world, client, plain) -> None:
    ca, _ = authority()
    await client.post(f"{world.path}/certificates", {"name": "roots", "chain": pem_of(ca)})
    plain["components"][2]["options"]["tls"] = {
        "crt_file": "CERT[gone]",
        "key_file": "KEY[roots]",
        "key_pass": "KEY[roots]",
    }
    plain["enrichment_tables"] = {
        "t": {"type": "file", "file": {"path": "FILE[gone]", "encoding": {"type": "csv"}}}
    }
    checked = (await client.post(f"{world.path}/check", {"document": plain})).json()
    rules = {each["rule"] for each in checked["findings"] if each["severity"] == "error"}
    assert {"certificate.unknown", "certificate.no-key", "file.unknown"} <= rules
    pipeline = await made(client, world, plain)
    with pytest.raises(DocumentInvalid):
        await revise(house, world, pipeline)


async def test_a_lookup_file_is_uploaded_used_renewed_and_downloaded(
    house, world, client, viewer, plain
) -> None:
    content = b"id,name\n1,Zo\xc3\xab\n" * 100_000
    path = f"{world.path}/lookup-files"
    answer = await client.request("POST", f"{path}?name=people", content=content)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["size"], found["format"], found["detail"]) == (len(content), "csv", "2 columns: id, name")
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    plain["enrichment_tables"] = {
        "people": {"type": "file", "file": {"path": "FILE[people]", "encoding": {"type": "csv"}}}
    }
    pipeline = await made(client, world, plain)
    stored = await revise(house, world, pipeline)
    assert f"path: files/{found['sha256']}" in stored.yaml.decode()
    async with house.services.database.transaction(world.organization_id) as txn:
        files = await txn.value(
            "select files from revisions where pipeline_id = %(id)s", {"id": pipeline["id"]}
        )
    assert files == [found["sha256"]]
    taken = await viewer.get(f"{path}/{found['id']}/content")
    assert taken.content == content
    assert taken.headers["content-disposition"] == 'attachment; filename="people.csv"'
    denied = await viewer.request("PUT", f"{path}/{found['id']}/content", content=b"x", etag=found["etag"])
    assert denied.status_code == 403
    newer = await client.request(
        "PUT", f"{path}/{found['id']}/content", content=b"id,name\n", etag=found["etag"]
    )
    assert (newer.status_code, newer.json()["version"]) == (200, 2)
    listed = (await client.get(f"{world.path}/pipelines")).json()["items"][0]
    assert listed["outdated"] == [{"kind": "file", "name": "people"}]
    old = await viewer.get(f"{path}/{found['id']}/content?version=1")
    assert old.content == content
    assert (await viewer.get(f"{path}/{found['id']}/content?version=3")).status_code == 404
    versions = (await viewer.get(f"{path}/{found['id']}/versions")).json()["items"]
    assert [each["version"] for each in versions] == [2, 1]


async def test_uploads_are_bounded_and_not_empty(house, world, client) -> None:
    path = f"{world.path}/lookup-files"
    most = house.vault.lookup_files.most_bytes
    house.vault.lookup_files.most_bytes = 1000
    try:
        large = await client.request("POST", f"{path}?name=large", content=b"x" * 1001)
        assert (large.status_code, large.json()["type"].rpartition(":")[2]) == (
            413,
            "vault.lookup-file-too-large",
        )
        assert (await client.request("POST", f"{path}?name=fits", content=b"x" * 1000)).status_code == 201
        for number in range(19):
            await client.request("POST", f"{path}?name=f{number}", content=f"{number:1000}".encode())
        over = await client.request("POST", f"{path}?name=over", content=b"y" * 1000)
        assert over.status_code == 413
    finally:
        house.vault.lookup_files.most_bytes = most
    empty = await client.request("POST", f"{path}?name=empty", content=b"")
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "content")
    taken = await client.request("POST", f"{path}?name=fits", content=b"z")
    assert (taken.status_code, taken.json()["type"].rpartition(":")[2]) == (
        409,
        "vault.lookup-file-name-taken",
    )


async def test_others_reach_none_of_it(client, stranger, world, other) -> None:
    ca, _ = authority()
    held = [
        ("variables", (await client.post(f"{world.path}/variables", {"name": "v", "type": "number", "value": 1})).json()),
        ("certificates", (await client.post(f"{world.path}/certificates", {"name": "c", "chain": pem_of(ca)})).json()),
        ("lookup-files", (await client.request("POST", f"{world.path}/lookup-files?name=f", content=b"a")).json()),
    ]  # fmt: skip
    for kind, one in held:
        for path in (world.path, other.path, other.path.replace("/dev", "/prod")):
            answer = await stranger.delete(f"{path}/{kind}/{one['id']}", etag=one["etag"])
            assert answer.status_code == 404, (kind, path)
    smuggled = await stranger.get(f"{other.path}/lookup-files/{held[2][1]['id']}/content")
    assert smuggled.status_code == 404


async def test_who_checks_and_compares_waits_for_nobody_who_changes_what_is_lent(
    house, world, client, document, database_url
) -> None:
    """Only what is written down of it, a revision or a saved draft, keeps it as it is."""
    await client.post(f"{world.path}/secrets", {"name": "token", "value": VALUE})
    chain = {"name": "ca", "chain": pem_of(authority()[0])}
    await client.post(f"{world.path}/certificates", chain)
    await client.post(f"{world.path}/variables", {"name": "h", "type": "string", "value": "a.example"})
    await client.request("POST", f"{world.path}/lookup-files?name=people", content=b"id,team\n1,core\n")
    document["enrichment_tables"] = {
        "people": {"type": "file", "file": {"path": "FILE[people]", "encoding": {"type": "csv"}}}
    }
    document["components"][2]["options"] |= {"uri": "https://VAR[h]/", "tls": {"ca_file": "CERT[ca]"}}
    pipeline = await made(client, world, document)
    with psycopg.connect(database_url) as writer:
        for table in ("secrets", "variables", "certificates", "lookup_files"):
            mine = "where organization_id = %s for update"
            assert writer.execute(f"select 1 from {table} {mine}", [world.organization_id]).fetchall()
        async with asyncio.timeout(20):  # far less than the writer takes: it stays until the block ends
            checked = await client.post(f"{world.path}/check", {"document": document})
            compared = await client.get(f"{world.path}/pipelines/{pipeline['id']}/diff")
    assert checked.status_code == 200, checked.text
    assert compared.status_code == 200, compared.text
