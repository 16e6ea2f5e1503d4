"""A document as text and back: nothing is lost on the way, and a text in the making never breaks the graph."""

import pytest

from vectorflow_topology.document import Document, Group, Position, Remark
from vectorflow_topology.editing import editable_text, edited_document
from vectorflow_topology.importer import import_text

SOURCE = {"id": "in", "kind": "source", "type": "demo_logs", "options": {"format": "json"}}
FILTER = {
    "id": "keep",
    "kind": "transform",
    "type": "filter",
    "options": {"condition": ".a == 1"},
    "enabled": False,
}
SINK = {"id": "out", "kind": "sink", "type": "console", "options": {"encoding": {"codec": "json"}}}


def back(document, text=None):
    edited = edited_document(editable_text(document) if text is None else text, document)
    assert edited.document is not None, edited.findings
    return edited.document


def test_a_document_comes_back_as_it_went_with_variables_secrets_and_ports(demo):
    text = editable_text(demo)
    assert "SECRET[token]" in text
    assert "VAR[limit]" in text
    assert "inputs: [split.errors, split.slow]" in text
    assert back(demo) == demo


def test_components_that_are_off_say_so_in_a_comment_and_stay_off(build):
    document = build(SOURCE, FILTER, SINK, edges="in>keep keep>out", layout={"keep": {"x": 5, "y": 6}})
    text = editable_text(document)
    assert "  keep:  # vectorflow:disabled\n" in text
    assert back(document) == document
    on = back(document, text.replace("  # vectorflow:disabled", ""))
    assert [each.enabled for each in on.components] == [True, True, True]


def test_comments_of_the_text_survive_an_edit_beside_them():
    text = (
        "# of the file\nsources:\n  # where it starts\n  in:\n    type: demo_logs # fake\n    format: json\n"
        "sinks:\n  out:\n    type: console\n    inputs: [in]\n    encoding:\n      codec: json # one a line\n"
    )
    ((_, document),) = import_text(text).documents
    edited = back(document, editable_text(document).replace("codec: json", "codec: text"))
    written = editable_text(edited)
    for comment in (
        "# of the file",
        "# where it starts",
        "type: demo_logs  # fake",
        "codec: text  # one a line",
    ):
        assert comment in written


@pytest.mark.parametrize(
    "text",
    [
        "sources:\n  in:\n    type: demo_logs\n   format: json\n",
        "sources:\n  in:\n    ty",
        "sources:\n  in:\n",
        "sources:\n  in: {type: [}",
        "- just\n- a list\n",
        "sources: {in: {type: demo_logs}, in: {type: stdin}}",
        "a: &a [*a]",
        "\x00",
        "sources: 7",
    ],
)
def test_a_text_in_the_making_gives_findings_with_a_line_and_no_document(build, text):
    edited = edited_document(text, build(SOURCE))
    assert edited.document is None
    assert edited.findings
    assert all(each.severity != "note" for each in edited.findings)
    assert edited.findings[0].line


def test_an_emptied_text_is_an_empty_pipeline(build):
    document = build(SOURCE, SINK, edges="in>out", variables={"a": {"type": "string", "value": "b"}})
    for text in ("", "\n", "# only this\n"):
        assert back(document, text).components == ()
        assert back(document, text).variables == document.variables
    assert editable_text(back(document, "# only this\n")) == "# only this\n"
    assert editable_text(Document()) == ""


def test_the_layout_stays_also_for_a_renamed_component_and_new_ones_stand_beneath(build):
    layout = {"in": {"x": 1, "y": 2}, "out": {"x": 300, "y": 40}}
    document = build(SOURCE, SINK, edges="in>out", layout=layout)
    text = editable_text(document)
    renamed = back(document, text.replace("  in:", "  begin:").replace("[in]", "[begin]"))
    assert renamed.layout == {"begin": Position(1, 2), "out": Position(300, 40)}
    more = back(document, text + "  second:\n    type: blackhole\n    inputs: [in]\n")
    assert more.layout["in"] == Position(1, 2)
    assert more.layout["second"].y > 40
    assert [each.id for each in more.components] == ["in", "out", "second"]


def test_groups_stay_follow_a_renaming_and_lose_what_is_removed(build):
    groups = {"ends": {"members": ["in", "out"], "collapsed": True}, "start": {"members": ["in"]}}
    document = build(SOURCE, SINK, edges="in>out", groups=groups)
    text = editable_text(document)
    assert "ends" not in text
    assert back(document, text + "# more\n").groups == document.groups
    renamed = back(document, text.replace("  in:", "  begin:").replace("[in]", "[begin]"))
    assert renamed.groups["ends"] == Group(members=("begin", "out"), collapsed=True)
    assert back(document, "sinks:\n  out:\n    type: blackhole\n    inputs: []\n").groups == {
        "ends": Group(members=("out",), collapsed=True)
    }


def test_unconnected_parts_stay_one_document(build):
    document = build(SOURCE, {**SOURCE, "id": "other"}, SINK, edges="in>out")
    assert len(back(document).components) == 3


def test_an_input_that_leads_nowhere_stays_to_be_seen(build):
    document = build(SOURCE, SINK, edges="in>out")
    edited = back(document, editable_text(document).replace("[in]", "[inn.errors]"))
    assert [(each.source, each.port) for each in edited.edges] == [("inn", "errors")]


def test_remarks_at_values_that_are_gone_are_dropped(build):
    document = build(SOURCE, comments={"sources/in/format": {"inline": "why"}})
    assert back(document).comments == {"sources/in/format": Remark(inline="why")}
    assert back(document, "sources:\n  in:\n    type: demo_logs\n").comments == {}
