"""How long things take, as the engine measures and tells it: `metrics.Histogram` and what is read from outside."""

import re

from vectorflow_engine.events import Metric
from vectorflow_engine.metrics import Histogram

PIPELINE = """
sources: {in: {type: demo_logs, format: json, interval: 0.005, count: 200}}
transforms: {change: {type: remap, inputs: [in], source: ".seen = true"}}
sinks: {out: {type: file, inputs: [change], path: "@/out.log", encoding: {codec: json}}}
"""


def buckets(text, name, component):
    found = re.findall(
        rf'^vector_{name}_bucket{{component_id="{component}".*?le="(.+?)"}} (\d+)', text, re.MULTILINE
    )
    return [(float(bound), int(count)) for bound, count in found]


def test_values_fall_into_vectors_buckets():
    histogram = Histogram()
    for seconds in (0.0, 0.015625, 0.02, 5000.0):
        histogram.add(seconds, 2)
    held = histogram.read()
    assert (held.count, held.sum) == (8, 10_000.07125)
    assert [each for each in held.counts if each[1]] == [(0.015625, 4), (0.03125, 2), (float("inf"), 2)]
    assert len(held.counts) == 20


def test_a_histogram_is_told_as_one():
    histogram = Histogram()
    histogram.add(0.5)
    told = Metric("x", 1, "histogram", buckets=histogram.read()).document()
    assert (told["aggregated_histogram"]["count"], told["aggregated_histogram"]["sum"]) == (1, 0.5)


def test_each_kind_of_component_tells_its_own(engine):
    engine.start(PIPELINE)
    engine.settled("component_latency_seconds_count", 200, component_id="change", component_type="remap")
    assert engine.metric("source_lag_time_seconds_count", component_id="in") == 200
    assert engine.metric("buffer_send_duration_seconds_count", component_id="out", stage="0") >= 1
    assert engine.metric("component_latency_seconds_sum", component_id="change") > 0
    # What was not measured is not told as nought.
    assert engine.metric("component_latency_seconds_count", component_id="out") is None
    assert engine.metric("source_lag_time_seconds_count", component_id="change") is None
    text = engine.fetch(f"http://127.0.0.1:{engine.prom}/metrics")[1].decode()
    counted = buckets(text, "component_latency_seconds", "change")
    assert counted[0][0] == 0.015625
    assert counted[-1] == (float("inf"), 200)
    assert [count for _, count in counted] == sorted(count for _, count in counted)
    assert "# TYPE vector_component_latency_seconds histogram" in text


def test_who_waits_for_room_is_measured(engine, receiver):
    receiver.delay = 0.4
    engine.start(f"""
sources: {{in: {{type: demo_logs, format: json, interval: 0, count: 3000}}}}
sinks:
  out:
    type: http
    inputs: [in]
    uri: {receiver.url}
    encoding: {{codec: json}}
    framing: {{method: newline_delimited}}
    batch: {{max_events: 100}}
""")
    engine.until(
        lambda: (engine.metric("buffer_send_duration_seconds_sum", component_id="out") or 0) > 0.2, 30
    )
