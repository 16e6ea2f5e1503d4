"""The demo's content: a pipeline that reads the server's own access log, made through the public API."""

import contextlib
import time
from pathlib import Path
from typing import Any

from vectorflow.entry.client import ApiClient, ApiRefused

PIPELINE = "Access log"
SECRET = "receiver_token"  # noqa: S105  # a name, not a value
NODE_SECONDS = 30.0

PARSE = """\
. = parse_json!(.message)
.at = parse_timestamp!(.at, "%+")
.duration_ms = to_float!(.duration_ms)
.service = "vectorflow"
"""


def document(access_log: Path, errors_file: Path, receiver_url: str) -> dict[str, Any]:
    """Return the demo pipeline: file → remap → route → file and http."""
    components = [
        _component("access_log", "source", "file", include=[str(access_log)], read_from="beginning"),
        _component("parse", "transform", "remap", source=PARSE, drop_on_error=True),
        _component(
            "split",
            "transform",
            "route",
            route={"errors": "int!(.status) >= 400", "slow": "float!(.duration_ms) > 250.0"},
        ),
        _component(
            "errors_file",
            "sink",
            "file",
            path=str(errors_file),
            encoding={"codec": "json"},
            acknowledgements={"enabled": True},
        ),
        _component(
            "receiver",
            "sink",
            "http",
            uri=receiver_url,
            method="post",
            encoding={"codec": "json"},
            auth={"strategy": "bearer", "token": f"SECRET[{SECRET}]"},
            batch={"timeout_secs": 1},
            acknowledgements={"enabled": True},
        ),
    ]
    edges = [
        {"source": "access_log", "port": "_default", "target": "parse"},
        {"source": "parse", "port": "_default", "target": "split"},
        {"source": "split", "port": "errors", "target": "errors_file"},
        {"source": "split", "port": "errors", "target": "receiver"},
        {"source": "split", "port": "slow", "target": "receiver"},
        {"source": "split", "port": "_unmatched", "target": "receiver"},
    ]
    positions = {
        "access_log": (0, 120),
        "parse": (280, 120),
        "split": (560, 120),
        "errors_file": (880, 20),
        "receiver": (880, 220),
    }
    return {
        "format": 1,
        "components": components,
        "edges": edges,
        "layout": {name: {"x": x, "y": y} for name, (x, y) in positions.items()},
        "globals": {},
        "enrichment_tables": {},
        "tests": [],
        "variables": {},
    }


def _component(name: str, kind: str, component_type: str, **options: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "type": component_type,
        "options": options,
        "enabled": True,
        "comment": "",
    }


class Demo:
    """Makes what the demo needs in one environment; running it again changes nothing."""

    def __init__(self, client: ApiClient, organization: str, environment: str) -> None:
        self._client = client
        self._base = f"/orgs/{organization}/environments/{environment}"

    def enrolment_token(self, name: str) -> str:
        """Return a fresh enrolment token; the server shows it this once."""
        made = self._client.request(
            "POST",
            f"{self._base}/enrolment-tokens",
            json={"name": name, "expires_in_seconds": 365 * 86_400, "max_uses": 1000, "labels": {}},
        )
        return str(made["token"])

    def secret(self, value: str) -> None:
        """Keep the receiver's token as a secret."""
        with contextlib.suppress(ApiRefused):
            self._client.request("POST", f"{self._base}/secrets", json={"name": SECRET, "value": value})

    def pipeline(self, content: dict[str, Any]) -> str | None:
        """Make the demo pipeline unless it is there; return its id when it was made."""
        existing = self._client.request("GET", f"{self._base}/pipelines", params={"limit": 200})
        if any(each["name"] == PIPELINE for each in existing["items"]):
            return None
        made = self._client.request(
            "POST",
            f"{self._base}/pipelines",
            json={
                "name": PIPELINE,
                "description": "VectorFlow's own access log: errors to a file, everything to a receiver.",
                "document": content,
            },
        )
        return str(made["id"])

    def deploy(self, pipeline_id: str) -> None:
        """Roll the draft out to every node of the environment."""
        self._client.request(
            "POST",
            f"{self._base}/pipelines/{pipeline_id}/rollouts",
            json={
                "revision": None,
                "message": "First deployment of the demo",
                "batch_size": None,
                "watch_seconds": 2,  # nothing ran before, so there is nothing to compare it with
            },
        )

    def wait_for_node(self) -> bool:
        """Wait until a node is healthy; tell whether one was seen."""
        deadline = time.monotonic() + NODE_SECONDS
        while time.monotonic() < deadline:
            nodes = self._client.request("GET", f"{self._base}/nodes")["items"]
            if any(node["status"] == "healthy" for node in nodes):
                return True
            time.sleep(0.2)
        return False
