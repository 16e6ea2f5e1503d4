"""The routes that work on documents nobody has saved, and the catalogue."""

import gzip
import hashlib

import msgspec


async def test_checking_compiles_and_tells_what_is_missing(client, world, document) -> None:
    answer = await client.post(f"{world.path}/check", {"document": document})
    assert answer.status_code == 200, answer.text
    result = answer.json()
    missing = [each for each in result["findings"] if each["rule"] == "secret.unknown"]
    assert [(each["severity"], each["component"]) for each in missing] == [("error", "out")]
    assert result["sha256"] == hashlib.sha256(result["yaml"].encode()).hexdigest()
    assert "SECRET[vectorflow.token]" in result["yaml"]
    await client.post(f"{world.path}/secrets", {"name": "token", "value": "v"})
    result = (await client.post(f"{world.path}/check", {"document": document})).json()
    assert [each for each in result["findings"] if each["severity"] == "error"] == []


async def test_vrl_that_does_not_compile_is_found_where_it_stands(client, world, document) -> None:
    document["components"][1]["options"]["source"] = ".a = 1\n.b = nothing()"
    result = (await client.post(f"{world.path}/check", {"document": document})).json()
    found = [each for each in result["findings"] if each["component"] == "parse"]
    assert found, result["findings"]
    assert found[0]["severity"] == "error"
    assert found[0]["rule"].startswith("vrl.")
    assert found[0]["line"] > 1


async def test_a_document_that_cannot_be_compiled_has_no_yaml(client, world, document) -> None:
    document["components"][2]["options"]["uri"] = "VAR[unknown]"
    result = (await client.post(f"{world.path}/check", {"document": document})).json()
    assert (result["yaml"], result["sha256"]) == (None, None)
    assert any(each["rule"] == "variable.unknown" for each in result["findings"])
    rules = [(each["rule"], each["component"], tuple(each["path"])) for each in result["findings"]]
    assert len(rules) == len(set(rules))


async def test_too_large_a_body_is_refused(client, world) -> None:
    answer = await client.post(f"{world.path}/import", {"text": "x" * 5_300_000})
    assert answer.status_code == 413


async def test_importing_gives_documents(client, world) -> None:
    text = """
sources: {in: {type: demo_logs, format: json}}
sinks: {out: {type: blackhole, inputs: [in]}}
"""
    result = (await client.post(f"{world.path}/import", {"text": text, "format": "yaml"})).json()
    (named,) = result["documents"]
    assert {each["id"] for each in named["document"]["components"]} == {"in", "out"}
    result = (await client.post(f"{world.path}/import", {"text": "a: [", "format": "yaml"})).json()
    assert result["documents"] == []
    assert result["findings"][0]["severity"] == "error"
    assert (await client.post(f"{world.path}/import", {"text": "", "format": "xml"})).status_code == 400


async def test_a_viewer_checks_but_does_not_import(viewer, world) -> None:
    assert (await viewer.post(f"{world.path}/check", {"document": {}})).status_code == 200
    assert (await viewer.post(f"{world.path}/import", {"text": "a: 1"})).status_code == 403


async def test_the_catalogue_is_cached_by_its_content(client, app) -> None:
    answer = await client.get("/api/v1/catalogue", headers={"accept-encoding": "identity"})
    assert answer.status_code == 200
    catalogue = answer.json()
    assert {"file", "demo_logs"} <= {each["type"] for each in catalogue["components"]}
    assert {"timezone", "enrichment_tables"} <= set(catalogue["root"])
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert "max-age" in answer.headers["cache-control"]
    zipped = await client.get("/api/v1/catalogue", headers={"accept-encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.json() == catalogue
    assert len(gzip.compress(answer.content)) < len(answer.content) / 4
    same = await client.get("/api/v1/catalogue", headers={"if-none-match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    client.http.cookies.clear()
    assert (await client.get("/api/v1/catalogue")).status_code == 401


async def test_the_description_names_everything(client) -> None:
    answer = await client.http.get("/api/openapi.json")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    operations = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert {
        "listPipelines", "createPipeline", "getPipeline", "updatePipeline", "deletePipeline", "checkDocument",
        "importText", "listRevisions", "getRevision", "getDiff", "listSecrets", "createSecret", "updateSecret",
        "deleteSecret", "getCatalogue",
    } <= operations  # fmt: skip
    schemas = document["components"]["schemas"]
    assert {
        "PipelineSummary", "PipelineSummaryList", "Pipeline", "Deployed", "Document", "Component", "Edge", "Finding",
        "CheckResult", "ImportResult", "Revision", "RevisionDetail", "RevisionList", "Diff", "Change", "Secret",
        "SecretList", "ComponentSpec",
    } <= set(schemas)  # fmt: skip
    assert "from" in schemas["Diff"]["properties"]
    assert msgspec.json.encode(document)


async def test_several_files_are_imported_together(client, world) -> None:
    files = {
        "sources/in.yaml": "type: stdin\n",
        "sinks/out.yaml": "type: blackhole\ninputs: [in]\n",
    }
    body = {"files": files, "directory": True}
    result = (await client.post(f"{world.path}/import", body)).json()
    (named,) = result["documents"]
    assert {each["id"] for each in named["document"]["components"]} == {"in", "out"}
    body = {"files": {"a.yaml": "sources: {in: {type: stdin}}", "b.toml": "x = ["}}
    result = (await client.post(f"{world.path}/import", body)).json()
    assert any(each["message"].startswith("b.toml: ") for each in result["findings"])


async def test_importing_again_keeps_the_layout(client, world, document) -> None:
    document["layout"] = {"out": {"x": 7, "y": 8}}
    text = "sources: {in: {type: stdin}}\nsinks: {out: {type: blackhole, inputs: [in]}}"
    (named,) = (await client.post(f"{world.path}/import", {"text": text})).json()["documents"]
    body = {"document": document, "imported": named["document"]}
    answer = (await client.post(f"{world.path}/documents/reimport", body)).json()
    assert answer["document"]["layout"]["out"] == {"x": 7.0, "y": 8.0}
    assert {each["component"] for each in answer["changes"]} >= {"parse", "out"}


async def test_a_viewer_does_not_import_again(viewer, world, document) -> None:
    body = {"document": document, "imported": document}
    assert (await viewer.post(f"{world.path}/documents/reimport", body)).status_code == 403
