"""A document as text over the API: written, edited, read back, and fixed by one click."""


async def test_a_document_is_written_edited_and_read_back(client, world, document) -> None:
    answer = await client.post(f"{world.path}/documents/text", {"document": document})
    text = answer.json()["text"]
    assert "SECRET[token]" in text
    edit = {"text": "# mine\n" + text.replace("type: demo_logs", "type: stdin"), "document": document}
    edited = (await client.post(f"{world.path}/documents/edit", edit)).json()
    assert edited["findings"] == []
    assert edited["document"]["components"][0]["type"] == "stdin"
    again = await client.post(f"{world.path}/documents/text", {"document": edited["document"]})
    assert again.json()["text"].startswith("# mine\n")


async def test_a_text_in_the_making_leaves_the_document_alone(client, world, document) -> None:
    edit = {"text": "sources:\n  in: {type: [\n", "document": document}
    edited = (await client.post(f"{world.path}/documents/edit", edit)).json()
    assert edited["document"] is None
    assert edited["findings"][0]["line"] >= 2


async def test_a_fix_is_done_on_the_document_or_refused(client, world, document) -> None:
    fix = {"action": "set_option", "component": "out", "path": ["method"], "value": "put"}
    fixed = await client.post(f"{world.path}/documents/fix", {"document": document, "fix": fix})
    assert fixed.json()["document"]["components"][2]["options"]["method"] == "put"
    refused = await client.post(
        f"{world.path}/documents/fix", {"document": document, "fix": {"action": "pray"}}
    )
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":pipelines.fix-not-possible")


async def test_a_viewer_reads_the_text_and_edits_nothing(viewer, world, document) -> None:
    assert (await viewer.post(f"{world.path}/documents/text", {"document": document})).status_code == 200
    edit = {"text": "", "document": document}
    assert (await viewer.post(f"{world.path}/documents/edit", edit)).status_code == 403
    fix = {"document": document, "fix": {}}
    assert (await viewer.post(f"{world.path}/documents/fix", fix)).status_code == 403


async def test_what_is_no_document_is_refused(client, world) -> None:
    answer = await client.post(f"{world.path}/documents/text", {"document": {"components": 7}})
    assert answer.status_code == 400
