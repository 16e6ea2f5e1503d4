"""The gallery over the API: built-in templates with parameters, and templates of the organisation's own."""

import pytest

from vectorflow.library.errors import TemplateInvalid, TemplateNotFound
from vectorflow.library.templates import TemplateService
from vectorflow_topology.templates import templates


async def listed(client, world):
    answer = await client.get(f"{world.path}/templates")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_the_gallery_lists_what_there_is(viewer, world) -> None:
    found = await listed(viewer, world)
    assert [each["id"] for each in found] == list(templates())
    mail = next(each for each in found if each["id"] == "email-addresses")
    assert mail["types"] == ["http_server", "remap", "http"]
    assert [each["name"] for each in mail["parameters"]] == ["fields", "keep_domain", "address", "uri"]


async def test_a_template_becomes_a_document(client, world) -> None:
    parameters = {"uri": "https://c.example/", "fields": ["text"]}
    answer = await client.post(f"{world.path}/templates/email-addresses/render", {"parameters": parameters})
    assert answer.status_code == 200, answer.text
    document = answer.json()["document"]
    assert 'fields = [["text"]]' in document["components"][1]["options"]["source"]
    checked = (await client.post(f"{world.path}/check", {"document": document})).json()
    assert [each for each in checked["findings"] if each["severity"] == "error"] == []


async def test_parameters_that_do_not_fit_are_named(client, world) -> None:
    answer = await client.post(
        f"{world.path}/templates/email-addresses/render", {"parameters": {"fields": "x"}}
    )
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == {"parameters.fields", "parameters.uri"}
    for unknown in ("no-such", "6f1c4cbb-1f9b-4b1e-8f7a-7d4d2f7b6b11"):
        answer = await client.post(f"{world.path}/templates/{unknown}/render", {"parameters": {}})
        assert answer.status_code == 404


async def test_a_pipeline_is_kept_without_its_credentials(client, world, document) -> None:
    document["components"][2]["options"]["auth"] = {"strategy": "basic", "user": "a", "password": "hunter2"}
    body = {"name": "Ours", "summary": "how we do it", "document": document}
    answer = await client.post(f"{world.path}/templates", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["removed"] == ["out.auth.password"]
    own = (await listed(client, world))[0]
    assert (own["title"], own["category"], own["updated_by"]) == ("Ours", "own", "Owner")
    assert "remap" in own["types"]
    rendered = await client.post(f"{world.path}/templates/{own['id']}/render", {"parameters": {}})
    assert "hunter2" not in rendered.text
    assert rendered.json()["document"]["components"][2]["options"]["auth"]["password"] == ""
    again = await client.post(f"{world.path}/templates", body)
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (
        409,
        "library.template-name-taken",
    )
    assert (await client.delete(f"{world.path}/templates/{own['id']}")).status_code == 204
    assert (await client.delete(f"{world.path}/templates/{own['id']}")).status_code == 404


async def test_the_variables_of_a_kept_pipeline_are_its_parameters(client, world, document) -> None:
    document["variables"] = {
        "log_path": {"type": "string", "value": "/var/log/a"},
        "limit": {"type": "number", "value": 5},
    }
    kept = await client.post(f"{world.path}/templates", {"name": "With values", "document": document})
    path = f"{world.path}/templates/{kept.json()['id']}/render"
    own = next(each for each in await listed(client, world) if each["title"] == "With values")
    assert [(each["name"], each["title"], each["type"], each["default"]) for each in own["parameters"]] == [
        ("log_path", "Log path", "text", "/var/log/a"),
        ("limit", "Limit", "number", 5),
    ]
    made = (await client.post(path, {"parameters": {"limit": 7}})).json()["document"]["variables"]
    assert {name: each["value"] for name, each in made.items()} == {"log_path": "/var/log/a", "limit": 7}
    refused = await client.post(path, {"parameters": {"limit": "many", "other": 1}})
    assert refused.status_code == 422
    assert {each["field"] for each in refused.json()["errors"]} == {"parameters.limit", "parameters.other"}
    assert (await client.delete(f"{world.path}/templates/{own['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"summary": "x" * 501}, "summary"),
        ({"document": {"components": []}}, "document"),
    ],
)
async def test_what_cannot_be_kept_is_refused(client, world, document, change, field) -> None:
    answer = await client.post(f"{world.path}/templates", {"name": "n", "document": document} | change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_too_large_a_template_is_refused(client, world, document) -> None:
    document["components"][1]["options"]["source"] = "# " + "x" * 1_100_000
    answer = await client.post(f"{world.path}/templates", {"name": "n", "document": document})
    assert answer.status_code == 422
    assert "bytes" in answer.json()["errors"][0]["message"]


async def test_a_viewer_looks_and_keeps_nothing(viewer, client, world, document) -> None:
    assert (
        await viewer.post(f"{world.path}/templates", {"name": "n", "document": document})
    ).status_code == 403
    kept = await client.post(f"{world.path}/templates", {"name": "n", "document": document})
    assert (await viewer.delete(f"{world.path}/templates/{kept.json()['id']}")).status_code == 403


def test_the_service_refuses_without_a_database() -> None:
    with pytest.raises(TemplateNotFound):
        TemplateService().render("no-such", {})
    with pytest.raises(TemplateInvalid):
        TemplateService().render("pseudonyms", {})
