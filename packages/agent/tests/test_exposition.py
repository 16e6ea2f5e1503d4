import msgspec

from vectorflow_agent.core.exposition import components, reloads
from vectorflow_wire.messages import Durations

TEXT = """\
# HELP vector_component_sent_events_total x
# TYPE vector_component_sent_events_total counter
vector_component_sent_events_total{component_id="route",component_kind="transform",component_type="route",host="h",output="errors"} 3 1700000000000
vector_component_sent_events_total{component_id="route",component_kind="transform",component_type="route",host="h",output="_unmatched"} 4 1700000000000
vector_component_sent_events_total{component_id="in",component_kind="source",component_type="file",host="h"} 7
vector_component_received_events_total{component_id="route",component_kind="transform",component_type="route"} 7
vector_component_received_event_bytes_total{component_id="route",component_kind="transform",component_type="route"} 700
vector_component_received_bytes_total{component_id="in",component_kind="source",component_type="file",file="/a b\\"c}\\\\"} 1.2e3
vector_component_received_bytes_total{component_id="in",component_kind="source",component_type="file",file="b"} 1
vector_component_errors_total{component_id="out",component_kind="sink",component_type="http",stage="sending",error_type="a"} 1
vector_component_errors_total{component_id="out",component_kind="sink",component_type="http",stage="sending",error_type="b"} 2
vector_component_discarded_events_total{component_id="out",component_kind="sink",component_type="http",intentional="true"} 5
vector_component_discarded_events_total{component_id="out",component_kind="sink",component_type="http",intentional="false"} 2
vector_utilization{component_id="out",component_kind="sink",component_type="http"} 0.123456
vector_buffer_size_events{buffer_id="out",component_id="out",component_kind="sink",component_type="http",stage="0"} 9
vector_component_received_events_total{component_id="vf_exporter",component_kind="sink",component_type="prometheus_exporter"} 99
vector_component_sent_events_total{component_id="nan",component_kind="sink"} NaN
vector_component_sent_events_total{component_id="cut
vector_reloaded_total{host="h"} 2 1700000000000
vector_component_errors_total{error_code="reload",error_type="configuration_failed"} 1
"""


def test_label_sets_are_summed_per_component():
    found = components(TEXT)
    assert set(found) == {"route", "in", "out"}
    assert found["route"].sent_events == {"errors": 3, "_unmatched": 4}
    assert (found["route"].received_events, found["route"].received_bytes) == (7, 700)
    assert found["in"].sent_events == {"_default": 7}
    assert found["in"].received_bytes == 1201
    assert (found["out"].errors, found["out"].discarded, found["out"].discarded_unintentional) == (3, 7, 2)
    assert (found["out"].utilization, found["out"].buffer_events) == (0.1235, 9)
    assert (found["out"].kind, found["out"].type) == ("sink", "http")


def test_a_buffer_counts_once_under_both_names_and_under_either():
    labels = '{component_id="out",component_kind="sink",component_type="http",stage="0"}'
    new = f"vector_buffer_size_events{labels} 9\nvector_buffer_size_bytes{labels} 900\n"
    former = f"vector_buffer_events{labels} 9\nvector_buffer_byte_size{labels} 900\n"
    for text in (new, former, new + former, former + new):
        found = components(text)["out"]
        assert (found.buffer_events, found.buffer_bytes) == (9, 900)


def test_a_full_buffers_size_has_two_names_as_well():
    labels = '{component_id="out",component_kind="sink",component_type="http",stage="0"}'
    new = f"vector_buffer_max_size_events{labels} 500\nvector_buffer_max_size_bytes{labels} 1024\n"
    former = f"vector_buffer_max_event_size{labels} 500\nvector_buffer_max_byte_size{labels} 1024\n"
    for text in (new, former, new + former):
        found = components(text)["out"]
        assert (found.buffer_max_events, found.buffer_max_bytes) == (500, 1024)


def histogram(name, labels, below, total, count):
    lines = [f'vector_{name}_bucket{{{labels},le="{bound}"}} {n}' for bound, n in below.items()]
    return "\n".join(
        [*lines, f"vector_{name}_sum{{{labels}}} {total}", f"vector_{name}_count{{{labels}}} {count}", ""]
    )


def test_buckets_stand_alone_and_empty_ones_are_left_out():
    labels = 'component_id="change",component_kind="transform",component_type="remap"'
    below = {"0.015625": 3, "0.03125": 3, "+Inf": 8, "4096.0": 7, "bad": 9}
    text = histogram("component_latency_seconds", labels, below, 1.5e-05, 8)
    found = components(text)["change"]
    assert found.latency == Durations(count=8, total_us=15, buckets={"0.015625": 3, "4096": 4, "+Inf": 1})
    assert found.lag is None
    assert found.wait is None


def test_histograms_of_one_component_are_summed():
    labels = 'component_id="out",component_kind="sink",component_type="http"'
    text = "".join(
        histogram("buffer_send_duration_seconds", f'{labels},stage="{stage}"', {"1": 2, "+Inf": 2}, 0.5, 2)
        for stage in (0, 1)
    )
    assert components(text)["out"].wait == Durations(count=4, total_us=1_000_000, buckets={"1": 4})


def test_an_engine_that_measures_no_times_has_none():
    found = components(TEXT)["out"]
    assert (found.latency, found.lag, found.wait, found.buffer_max_events) == (None, None, None, 0)
    assert b"latency" not in msgspec.json.encode(found)


def test_reloads_done_and_failed():
    assert reloads(TEXT) == (2, 1)
    assert reloads("vector_reloaded_total 4\n") == (4, 0)
    assert reloads("") == (0, 0)
