"""The options that name files, programs and hosts, compared with the catalogue of Vector's components."""

import json
from pathlib import Path

import pytest

from vectorflow_agent.core.hosts import HostsUnknown, hosts_of
from vectorflow_agent.core.naming import (
    files_named,
    names_file,
    names_host,
    starts_program,
    strings,
    type_names,
    url_host,
)
from vectorflow_topology.catalogue.load import catalogue

HARMLESS = Path(__file__).parent / "data" / "harmless-options.json"
"""Options with a text that name neither a file nor a program, nor in sinks a host: each was looked at."""


def texts(option, path):
    """The paths of all options that can be a text of the writer's choice."""
    if option.type in {"string", "any", "union"} and not option.enum:
        yield path
    if "string" in option.also:
        yield path
    for name, inner in (option.options or {}).items():
        for each in (name, *inner.aliases):
            yield from texts(inner, (*path, each))
    for inner in (option.items, option.values, *(option.any_of or ())):
        if inner is not None:
            yield from texts(inner, path)


def options(kind):
    """Every such option of a kind, as (type, path)."""
    for spec in catalogue().components:
        if spec.kind == kind:
            for name, option in spec.options.items():
                for each in (name, *option.aliases):
                    for path in texts(option, (each,)):
                        yield spec.type, path


def counted(kind, component, path):
    """Whether the node's policy judges such an option."""
    nested = "x"
    for step in reversed(path):
        nested = {step: nested}
    if not list(strings(nested)):
        return True  # free keys: what stands there goes out with events
    program = starts_program(path, "files/x")
    return program or names_file(component, path) or (kind == "sink" and names_host(component, path))


@pytest.mark.parametrize("kind", ["source", "transform", "sink"])
def test_every_option_of_the_catalogue_is_judged_or_was_found_harmless(kind):
    harmless = set(json.loads(HARMLESS.read_text())[kind])
    rest = {".".join(path) for component, path in options(kind) if not counted(kind, component, path)}
    assert rest - harmless == set(), "does it name a file, a program or a host? Then `naming` must know it"
    assert harmless - rest == set(), "is judged, or is gone"


def test_the_settings_at_the_root_name_no_file_and_no_host_but_those_of_a_proxy():
    known = {"proxy", "timezone", "log_schema", "expire_metrics_per_metric_set", "wildcard_matching"}
    for name, option in catalogue().root.items():
        if name not in {*known, "enrichment_tables"}:
            assert list(texts(option, (name,))) == []
    tables = catalogue().root["enrichment_tables"]
    named = {path[-1] for path in texts(tables, ("x",)) if names_file("file", path)}
    assert named == {"path", "persistence_path"}


@pytest.mark.parametrize(
    "name", sorted({n for s in catalogue().components if s.kind == "sink" for n in (s.type, *s.aliases)})
)
def test_it_is_known_where_every_sink_sends_to(name):
    list(hosts_of({"type": name}, str))


def test_a_sink_that_is_not_known_is_said_to_be():
    with pytest.raises(HostsUnknown):
        list(hosts_of({"type": "of_tomorrow", "endpoint": "https://x"}, str))


def test_older_names_of_types_are_those_of_the_catalogue():
    for spec in catalogue().components:
        for alias in spec.aliases:
            assert type_names(f"{spec.kind}s", alias) >= {alias, spec.type}
            assert type_names(f"{spec.kind}s", spec.type) >= {alias, spec.type}


@pytest.mark.parametrize(
    ("path", "text", "files"),
    [
        (("endpoint",), "unix:///var/run/redis.sock", ["/var/run/redis.sock"]),
        (("docker_host",), "unix:///var/run/docker.sock", ["/var/run/docker.sock"]),
        (("docker_host",), "tcp://10.0.0.1:2375", []),
        (("endpoint",), "postgres://h/db?sslkey=/etc/key&x=/y", ["/etc/key"]),
        (("librdkafka_options", "ssl.ca.location"), "/etc/x", ["/etc/x"]),
        (("auth", "credentials_file", "path"), "/etc/x", ["/etc/x"]),
        (("extra_args",), "--file=/etc/x", ["/etc/x"]),
        (("extra_args",), "-D/etc/x", ["/etc/x"]),
        (("extra_args",), "--merge", []),
        (("message_id_path",), "/etc/x", []),
    ],
)
def test_files_are_found_where_they_are_named(path, text, files):
    assert list(files_named("redis", path, text)) == files


@pytest.mark.parametrize(
    ("path", "text", "starts"),
    [
        (("journalctl_path",), "/usr/bin/journalctl", False),
        (("journalctl_path",), "files/abc", True),
        (("journalctl_path",), "/usr/bin/env", True),
        (("librdkafka_options", "sasl.kerberos.kinit.cmd"), "id", True),
        (("librdkafka_options", "plugin.library.paths"), "/x.so", True),
        (("auth", "credentials_file"), "files/abc", True),
        (("auth", "credentials_file"), "/etc/aws/credentials", False),
    ],
)
def test_options_that_choose_a_program(path, text, starts):
    assert starts_program(path, text) is starts


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://user:x@in.example.com:443/a", "in.example.com"),
        ("IN.example.com:514", "in.example.com"),
        ("https://ok.test:x@evil.test", "evil.test"),
        ("https://[::1]:80/", "::1"),
        ("https://SECRET[store-x.y]@ok.test/", ""),
        ("https://ok.test/SECRET[store-x.y]", "ok.test"),
        ("https://[x", ""),
    ],
)
def test_the_host_of_an_address(text, host):
    assert url_host(text) == host
