from vectorflow_agent.core.exposition import components, reloads

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


def test_reloads_done_and_failed():
    assert reloads(TEXT) == (2, 1)
    assert reloads("vector_reloaded_total 4\n") == (4, 0)
    assert reloads("") == (0, 0)
