"""Overlays: what an environment changes."""

from vectorflow_topology.compiler import compile_document
from vectorflow_topology.document import Variable
from vectorflow_topology.overlay import Overlay, Setting, apply_overlay


def test_options_enabled_and_variables_are_changed_and_the_document_is_not(demo):
    overlay = Overlay(
        options=(
            Setting(component="to_http", path=("uri",), value="https://staging.example.com/in"),
            Setting(component="to_http", path=("request", "timeout_secs"), value=5),
            Setting(component="to_http", path=("encoding", "codec"), remove=True),
            Setting(component="access_log", path=("include", 1), value="/var/log/b.log"),
            Setting(component="access_log", path=("include", 0), value="/var/log/c.log"),
        ),
        enabled={"parse": False},
        variables={"limit": Variable(type="number", value=400)},
    )
    before = compile_document(demo).sha256
    changed, findings = apply_overlay(demo, overlay)
    assert findings == []
    http = changed.component("to_http").options
    assert (http["uri"], http["request"]) == ("https://staging.example.com/in", {"timeout_secs": 5})
    assert http["encoding"] == {}
    assert changed.component("access_log").options["include"] == ["/var/log/c.log", "/var/log/b.log"]
    assert not changed.component("parse").enabled
    assert (
        b".status >= 400"
        in compile_document(apply_overlay(demo, Overlay(variables=overlay.variables))[0]).yaml
    )
    assert compile_document(demo).sha256 == before


def test_what_finds_no_place_is_an_error_and_the_rest_is_done(demo):
    overlay = Overlay(
        options=(
            Setting(component="nobody", path=("uri",), value=1),
            Setting(component="to_http", path=("uri", "deep"), value=1),
            Setting(component="to_http", path=(), value=1),
            Setting(component="access_log", path=("include", 5), value="x"),
            Setting(component="access_log", path=("include", -1), value="x"),
            Setting(component="to_file", path=("path",), value="/tmp/x"),
        ),
        enabled={"gone": True},
    )
    changed, findings = apply_overlay(demo, overlay)
    rules = [finding.rule for finding in findings]
    assert rules == ["overlay.unknown-component"] * 2 + ["overlay.path"] * 4
    assert changed.component("to_file").options["path"] == "/tmp/x"
    assert apply_overlay(demo, Overlay()) == (demo, [])
