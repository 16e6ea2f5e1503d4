import msgspec

from vectorflow_topology.checks import check
from vectorflow_topology.compiler import compile_document
from vectorflow_topology.diff import REDACTED, diff_documents, diff_text, redacted
from vectorflow_topology.document import Edge, Position


def brief(changes):
    return [(change.kind, change.what, change.component, change.path) for change in changes]


def test_nothing_changed_is_nothing(demo):
    moved = msgspec.structs.replace(
        demo, layout={"parse": Position(5, 5)}, components=demo.components[::-1], edges=demo.edges[::-1]
    )
    assert diff_documents(demo, moved) == []
    yaml = compile_document(demo).yaml
    assert diff_text(yaml, yaml) == ""


def test_a_new_document_is_all_additions(demo):
    changes = diff_documents(None, demo)
    assert {change.kind for change in changes} == {"added"}
    assert len([change for change in changes if change.what == "component"]) == 5
    assert len([change for change in changes if change.what == "edge"]) == 5


def test_changes_are_told_by_meaning(build, part):
    old = build(
        part.source("in", "file", include=["/a"], fingerprint={"strategy": "checksum", "lines": 1}),
        part.transform("t", "filter", condition="true"),
        part.sink(),
        edges="in>t t>out",
        globals={"timezone": "UTC"},
    )
    new = build(
        part.source(
            "in", "file", include=["/a", "/b"], fingerprint={"strategy": "checksum"}, oldest_first=True
        ),
        part.sink() | {"enabled": False},
        part.sink("more"),
        edges="in>out",
        globals={"timezone": "CET"},
        variables={"v": {"type": "number", "value": 1}},
    )
    assert brief(diff_documents(old, new)) == [
        ("changed", "option", "in", ("include",)),
        ("removed", "option", "in", ("fingerprint", "lines")),
        ("added", "option", "in", ("oldest_first",)),
        ("removed", "component", "t", ()),
        ("changed", "component", "out", ("enabled",)),
        ("added", "component", "more", ()),
        ("removed", "edge", "t", ()),
        ("removed", "edge", "out", ()),
        ("added", "edge", "out", ()),
        ("changed", "global", None, ("globals", "timezone")),
        ("added", "global", None, ("variables", "v")),
    ]
    change = diff_documents(old, new)[0]
    assert (change.before, change.after) == (["/a"], ["/a", "/b"])


def test_edges_are_compared_with_their_port(demo):
    edges = tuple(
        Edge(source=each.source, port="slow" if each.port == "errors" else each.port, target=each.target)
        for each in demo.edges
    )
    (change,) = diff_documents(demo, msgspec.structs.replace(demo, edges=edges))
    assert change.before == {"source": "split", "port": "errors", "target": "to_http"}


def test_values_of_other_types_are_changes(build, part):
    one, two, three = (build(part.source("a", "file", x=value)) for value in (1, True, 1.0))
    assert len(diff_documents(one, two)) == len(diff_documents(one, three)) == 1


def with_token(build, part, token):
    sink = part.sink(
        "out",
        "http",
        uri="http://u:hunter1@x",
        encoding={"codec": "json"},
        auth={"strategy": "bearer", "token": token},
    )
    return build(
        part.source(),
        sink,
        edges="in>out",
        globals={"proxy": {"http": "http://x", "password": token}},
        variables={"api_token": {"type": "string", "value": str(token)}},
    )


def test_credentials_are_never_shown(build, part):
    old, new = with_token(build, part, "hunter2"), with_token(build, part, "hunter3")
    shown = (
        str(diff_documents(old, new)) + str(diff_documents(None, new)) + str(diff_documents(new, None or old))
    )
    text = diff_text(compile_document(build(part.source())).yaml, compile_document(new).yaml)
    assert "hunter" not in shown + text
    assert REDACTED in shown
    assert REDACTED in text
    assert "hunter" not in str(redacted(new))
    assert brief(diff_documents(old, new)) == [
        ("changed", "option", "out", ("auth", "token")),
        ("changed", "global", None, ("globals", "proxy", "password")),
        ("changed", "global", None, ("variables", "api_token")),
    ]


def test_references_to_secrets_are_shown(build, part):
    old, new = (
        msgspec.structs.replace(with_token(build, part, f"SECRET[{name}]"), globals={}) for name in "ab"
    )
    old, new = (msgspec.structs.replace(each, variables={}) for each in (old, new))
    (change,) = diff_documents(old, new)
    assert (change.before, change.after) == ("SECRET[a]", "SECRET[b]")
    assert "SECRET[vectorflow.b]" in diff_text(compile_document(old).yaml, compile_document(new).yaml)


def test_text_diff_shows_lines(build, part):
    old, new = (
        build(part.source("in", "file", include=[path]), part.sink(), edges="in>out") for path in ("/a", "/b")
    )
    lines = diff_text(compile_document(old).yaml, compile_document(new).yaml).splitlines()
    assert lines[:2] == ["--- before", "+++ after"]
    assert "-    - /a" in lines
    assert "+    - /b" in lines


def test_credentials_that_are_numbers_are_not_shown_either(build, part):
    document = with_token(build, part, 424242)
    shown = str(diff_documents(None, document)) + str(check(document)) + str(redacted(document))
    assert "424242" not in shown
