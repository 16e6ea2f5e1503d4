"""The internal listener shows metrics, and they carry no organisation."""

from vectorflow.platform.metrics import Metrics, MetricsApplication


async def ask(path: str, method: str = "GET") -> tuple[int, bytes]:
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    await MetricsApplication(Metrics())({"type": "http", "path": path, "method": method}, None, send)
    return sent[0]["status"], sent[1]["body"]


async def test_metrics_are_shown() -> None:
    status, body = await ask("/metrics")
    assert status == 200
    assert b"vectorflow_access_log_dropped_total 0.0" in body
    assert (await ask("/"))[0] == 404
    assert (await ask("/metrics", "POST"))[0] == 404


def test_no_label_names_a_tenant() -> None:
    metrics = Metrics()
    labels = {
        label
        for each in metrics.registry._names_to_collectors.values()
        for label in getattr(each, "_labelnames", ())
    }
    assert labels <= {"method", "route", "status", "limit"}
