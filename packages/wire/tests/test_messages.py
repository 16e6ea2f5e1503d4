import msgspec

from vectorflow_wire import messages


def heartbeat():
    components = tuple(
        messages.ComponentCounters(
            id=f"component_{index}",
            kind="transform",
            type="remap",
            received_events=123_456_789 + index,
            received_bytes=12_345_678_901,
            sent_events={"_default": 123_456_789},
            sent_bytes=12_345_678_901,
            utilization=0.1234,
        )
        for index in range(6)
    )
    status = messages.PipelineStatus(
        id="01936f3e-7a10-7c1b-8f00-0123456789ab",
        state=messages.PipelineState.RUNNING,
        revision="a" * 64,
        number=12,
        desired="run",
        pid=1234,
        started_at=1_800_000_000_000,
        counters_at=1_800_000_000_000,
        components=components,
    )
    return messages.HeartbeatRequest(
        at=1_800_000_000_000, sequence=5, host=messages.HostMetrics(cpu_percent=3.5), pipelines=(status,) * 5
    )


def test_a_heartbeat_of_five_pipelines_with_six_components_is_about_6_kb():
    data = msgspec.json.encode(heartbeat())
    assert 5_000 < len(data) < 7_500
    assert msgspec.json.decode(data, type=messages.HeartbeatRequest) == heartbeat()


def test_one_strange_status_never_costs_a_heartbeat():
    plain = msgspec.to_builtins(heartbeat())
    plain["pipelines"][0]["state"] = "levitating"
    plain["pipelines"][0]["components"][0]["colour"] = {"red": 1}
    plain["future"] = [1, 2]
    read = msgspec.convert(plain, messages.HeartbeatRequest)
    assert read.pipelines[0].state == "levitating"
    assert len(read.pipelines) == 5


def test_zeroes_are_left_out():
    assert msgspec.json.encode(messages.ComponentCounters(id="a")) == b'{"id":"a"}'
