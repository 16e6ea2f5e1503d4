"""An organisation's own rules."""

from vectorflow_topology.checks.policy import PolicyRule, policy_findings


def broken(document, **rule):
    return [
        (found.rule, found.component, found.path)
        for found in policy_findings(document, [PolicyRule(name="ours", **rule)])
    ]


def test_component_types(build, part):
    document = build(part.source(), part.sink("a", "http", uri="https://x"), part.sink("b", "console"))
    assert broken(document, about="component", types=("http*",)) == [("policy.component", "a", ())]
    allowed = broken(document, about="component", verdict="allow", kinds=("sink",), types=("http",))
    assert allowed == [("policy.component", "b", ())]


def test_options_denied_allowed_and_required(build, part):
    tls = {"verify_certificate": False}
    document = build(
        part.sink("a", "http", uri="https://x", tls=tls), part.sink("b", "http", uri="https://x")
    )
    at = ("tls", "verify_certificate")
    denied = broken(document, about="option", types=("http",), path=at, values=("false",))
    assert denied == [("policy.option", "a", at)]
    required = broken(document, about="option", verdict="require", path=at, values=("true",))
    assert required == [("policy.option", "a", at), ("policy.option", "b", at)]
    assert broken(document, about="option", verdict="allow", path=("uri",), values=("https://*",)) == []
    assert broken(document, about="option", types=("console",), path=("uri",)) == []


def test_destinations_are_compared_by_host_with_variables_in_place(build, part):
    document = build(
        part.sink("a", "http", uri="https://user@evil.example.net:8443/x?u=https://in.example.com"),
        part.sink("b", "http", uri="https://VAR[host]/in"),
        part.sink("c", "kafka", bootstrap_servers="k1.example.com:9092, k2.example.org:9092"),
        part.sink("d", "elasticsearch", endpoints=["https://IN.example.com"]),
        variables={"host": {"type": "string", "value": "b.example.net"}},
    )
    allowed = broken(document, about="destination", verdict="allow", values=("*.example.com",))
    assert [(name, path) for _, name, path in allowed] == [
        ("a", ("uri",)),
        ("b", ("uri",)),
        ("c", ("bootstrap_servers",)),
    ]
    assert [name for _, name, _ in broken(document, about="destination", values=("*.org",))] == ["c"]


def test_disabled_components_break_no_rule_and_the_reason_is_told(build, part):
    sink = part.sink("a", "console")
    rule = PolicyRule(name="no-console", about="component", types=("console",), reason="Use files.")
    assert "no-console" in policy_findings(build(sink), [rule])[0].message
    assert policy_findings(build(sink), [rule])[0].message.endswith("Use files.")
    assert policy_findings(build({**sink, "enabled": False}), [rule]) == []
