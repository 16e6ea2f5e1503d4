import json
from pathlib import Path

import pytest

from vectorflow_topology.catalogue import Resource, catalogue
from vectorflow_topology.catalogue.conditions import comparisons, holds
from vectorflow_topology.catalogue.load import in_words
from vectorflow_topology.catalogue.resources import split_address
from vectorflow_topology.catalogue.sensitive import looks_sensitive, secrecy_of
from vectorflow_topology.document import Component

FACTS = json.loads((Path(__file__).parent / "data" / "vector-options.json").read_text())
KEYS = sorted(FACTS)
TYPES = {"uint": "integer", "int": "integer", "float": "number", "bool": "boolean", "ascii_char": "string"}
# What the facts mark as required in every shape of a value, though any one shape will do.
EXCUSED = {"access_key_id", "assume_role", "credentials_file", "secret_access_key", "name", "oauth2", "token", "fields.ignore", "fields.match"} | {
    "billing_account_id", "folder_id", "organization_id", "project_id",
    "aggregated_histogram", "aggregated_summary", "counter", "distribution", "gauge", "set", "sketch",
}  # fmt: skip


def component(kind, type_name, **options):
    return Component(id="c", kind=kind, type=type_name, options=options)


def flat(options, prefix=""):
    for name, spec in options.items():
        yield from one(f"{prefix}{name}", spec)


def one(path, spec):
    yield path, spec
    yield from flat(spec.options or {}, f"{path}.")
    for inner in (spec.items, spec.values):
        if inner:
            yield from one(f"{path}[]", inner)


def test_every_component_of_the_facts_is_there_and_no_other():
    assert [
        len([s for s in catalogue().components if s.kind == k]) for k in ("source", "transform", "sink")
    ] == [47, 18, 61]
    assert {f"{spec.kind}.{spec.type}" for spec in catalogue().components} == set(FACTS)


@pytest.mark.parametrize("key", KEYS)
def test_options_agree_with_the_facts(key):
    kind, type_name = key.split(".")
    spec, facts = catalogue().get(kind, type_name), FACTS[key]
    assert (list(spec.input_types), list(spec.output_types)) == (facts["input"], facts["output"])
    assert spec.since == facts["since"]
    ours = dict(flat(spec.options))
    for fact, told in facts["options"].items():
        path = fact.replace(".*", "[]")
        option = ours[path]
        kinds, _, choices = told.partition(" ")
        excused = path in EXCUSED or path.rsplit(".", 1)[-1] in EXCUSED
        required = kinds.endswith("!") and not path.endswith("[]") and not excused
        names = [TYPES.get(each, each) for each in kinds.rstrip("!").split("|")]
        if not excused and not path.endswith("[]"):
            assert option.required == required, path
        assert list(option.enum or ()) == (choices.split(",") if choices else []), path
        if len(names) > 1:
            assert {each.type for each in option.any_of} == set(names), path
        else:
            assert option.type in (names[0], {"string": "vrl", "object": "map"}.get(names[0])), path


@pytest.mark.parametrize("key", KEYS)
def test_every_component_and_essential_option_is_explained(key):
    spec = catalogue().get(*key.split("."))
    assert spec.title
    assert spec.help.endswith(".")
    assert len(spec.help) < 120
    for path, option in flat(spec.options):
        if not path.endswith("[]"):
            assert option.title, path
            if option.essential and not option.hidden:
                assert option.help.endswith("."), path


@pytest.mark.parametrize("key", KEYS)
def test_conditions_and_groups_name_options_that_exist(key):
    spec = catalogue().get(*key.split("."))

    def walk(options, groups):
        for group in groups:
            assert set(group) <= set(options)
        for option in options.values():
            for condition in (option.relevant_when, option.required_when):
                for name, value in comparisons(condition) if condition else ():
                    if name in options and options[name].enum:
                        assert value in options[name].enum
            for inner in (option, option.items, option.values):
                if inner:
                    walk(inner.options or {}, inner.one_of)

    walk(spec.options, spec.one_of)


@pytest.mark.parametrize("key", KEYS)
def test_names_of_credentials_are_recognised(key):
    for path, option in flat(catalogue().get(*key.split(".")).options):
        name = path.replace("[]", "").rsplit(".", 1)[-1]
        if (
            name.endswith(("password", "token", "secret", "api_key", "passphrase", "key_pass"))
            and option.type == "string"
        ):
            assert option.sensitive, path


@pytest.mark.parametrize(
    "key", [key for key in KEYS if FACTS[key]["resources"] not in ([], ["channel names"])]
)
def test_what_listens_says_so(key):
    assert catalogue().get(*key.split(".")).resources


def test_older_names_lead_to_the_same_entry():
    assert catalogue().get("source", "http").type == "http_server"
    assert catalogue().get("sink", "greptimedb").type == "greptimedb_metrics"
    assert catalogue().get("sink", "remap") is None


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        (component("source", "file"), {"_default": ["log"]}),
        (component("sink", "file"), {}),
        (
            component("source", "socket", decoding={"codec": "native"}),
            {"_default": ["log", "metric", "trace"]},
        ),
        (component("source", "socket", decoding={"codec": "influxdb"}), {"_default": ["metric"]}),
        (component("source", "socket", decoding="odd"), {"_default": ["log"]}),
        (component("transform", "remap"), {"_default": ["log", "metric", "trace"]}),
        (
            component("transform", "route", route={"a": "x"}, reroute_unmatched=False),
            {"a": ["log", "metric", "trace"]},
        ),
        (component("transform", "route", route=3), {"_unmatched": ["log", "metric", "trace"]}),
        (
            component("transform", "exclusive_route", routes=[{"name": "a"}, {"name": 3}, 4]),
            {"a": ["log", "metric", "trace"], "_unmatched": ["log", "metric", "trace"]},
        ),
        (component("source", "opentelemetry"), {"logs": ["log"], "metrics": ["metric"], "traces": ["trace"]}),
        (component("source", "datadog_agent"), {"_default": ["log", "metric", "trace"]}),
        (
            component("source", "datadog_agent", multiple_outputs=True, disable_traces=True),
            {"logs": ["log"], "metrics": ["metric"]},
        ),
        (component("transform", "nobody_knows"), {"_default": ["log", "metric", "trace"]}),
    ],
)
def test_ports_follow_from_options(given, ports):
    assert {port.name: list(port.types) for port in catalogue().ports(given)} == ports


def test_remap_has_a_port_for_dropped_events_when_asked():
    given = component("transform", "remap", reroute_dropped=True)
    assert [port.name for port in catalogue().ports(given)] == ["_default", "dropped"]


def test_codecs_narrow_what_a_sink_takes():
    assert catalogue().inputs(component("sink", "file", encoding={"codec": "csv"})) == ("log",)
    assert catalogue().inputs(component("sink", "file", encoding={"codec": "json"})) == (
        "log",
        "metric",
        "trace",
    )
    assert catalogue().inputs(component("source", "file")) == ()


@pytest.mark.parametrize(
    ("given", "resources"),
    [
        (component("source", "http_server", address="0.0.0.0:80"), [Resource("tcp", "0.0.0.0", 80)]),
        (component("source", "syslog", mode="udp", address="[::1]:514"), [Resource("udp", "::1", 514)]),
        (component("source", "socket", mode="unix_stream", path="/x"), [Resource("unix", "/x", 0)]),
        (component("source", "socket", mode="tcp", path="/x"), []),
        (component("source", "stdin"), [Resource("fd", "", 0)]),
        (component("source", "file_descriptor", fd=5), [Resource("fd", "", 5)]),
        (component("source", "file"), []),
        (component("sink", "prometheus_exporter"), [Resource("tcp", "0.0.0.0", 9598)]),
        (
            component("source", "opentelemetry", grpc={"address": "a:1"}, http={"address": "a:2"}),
            [Resource("tcp", "a", 1), Resource("tcp", "a", 2)],
        ),
        (component("source", "opentelemetry", grpc=4), []),
    ],
)
def test_resources_follow_from_options(given, resources):
    assert catalogue().resources(given) == resources


@pytest.mark.parametrize("address", ["systemd", "host", "host:", "host:99999", ":-1", "a:٣"])
def test_addresses_without_a_port_take_none(address):
    assert split_address(address)[1] is None


def test_sensitive_paths_are_those_present():
    given = component(
        "sink",
        "http",
        auth={"strategy": "basic", "user": "u", "password": "p"},
        request={"headers": {"Authorization": "x", "Accept": "y"}},
        invented_password="z",
    )
    assert catalogue().sensitive_paths(given) == [
        ("auth", "password"),
        ("request", "headers", "Authorization"),
        ("invented_password",),
    ]


def test_secrecy_reaches_into_maps_arrays_and_unknown_types():
    known = catalogue()
    assert secrecy_of(known.get("source", "splunk_hec"), ("valid_tokens", 0)) == "sensitive"
    assert secrecy_of(known.get("source", "kafka"), ("librdkafka_options", "sasl.password")) == "carrier"
    assert secrecy_of(known.get("sink", "splunk_hec_logs"), ("token",)) == "sensitive"
    assert secrecy_of(known.get("transform", "remap"), ("source",)) is None
    assert secrecy_of(known.get("source", "http_server"), ("headers", 0)) is None
    assert secrecy_of(None, ("a", "api_key")) == "sensitive"
    assert secrecy_of(None, ("a", "b")) is None


@pytest.mark.parametrize(
    "name", ["password", "X-Api-Key", "Authorization", "client_secret", "sasl.password", "apikey"]
)
def test_telling_names_are_taken_for_credentials(name):
    assert looks_sensitive(name)


@pytest.mark.parametrize("name", ["key", "key_field", "path", "tokenizer", "secretary"])
def test_other_names_are_not(name):
    assert not looks_sensitive(name)


def test_conditions_count_defaults_and_admit_ignorance():
    specs = catalogue().get("sink", "console").options["buffer"].options
    assert holds('type = "memory"', {}, specs) is True
    assert holds('type = "disk"', {}, specs) is False
    assert holds('type = "disk" or type = "memory"', {"type": "disk"}, specs) is True
    assert holds('elsewhere = "x"', {}, specs) is None
    with pytest.raises(ValueError, match="not a condition"):
        comparisons("a == b")


def test_the_web_gets_json_with_a_digest():
    decoded = json.loads(catalogue().json)
    assert len(decoded["components"]) == 126
    assert len(catalogue().digest) == 64
    console = next(
        each for each in decoded["components"] if (each["kind"], each["type"]) == ("sink", "console")
    )
    assert console["options"]["target"]["enum"] == ["stderr", "stdout"]
    assert console["options"]["encoding"]["options"]["codec"]["required"] is True


def test_titles_are_words():
    assert in_words("max_read_bytes") == "Max read bytes"
    assert in_words("expire_after_ms") == "Expire after"
    assert in_words("base_url") == "Base URL"
