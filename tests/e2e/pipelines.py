"""Pipelines that the tests draw for themselves, and their way to the nodes."""

from pathlib import Path
from typing import Any

from tests.e2e.stack import Api, wait_until


def component(name: str, kind: str, component_type: str, **options: Any) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "type": component_type,
        "options": options,
        "enabled": True,
        "comment": "",
    }


def document(components: list[dict[str, Any]], edges: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "format": 1,
        "components": components,
        "edges": [{"source": source, "port": port, "target": target} for source, port, target in edges],
        "layout": {each["id"]: {"x": 280 * n, "y": 0} for n, each in enumerate(components)},
        "globals": {},
        "enrichment_tables": {},
        "tests": [],
        "variables": {},
    }


def lines_to_http(source: Path, url: str, **sink: Any) -> dict[str, Any]:
    """file → remap (parse) → http, acknowledged end to end."""
    return document(
        [
            component("lines", "source", "file", include=[str(source)], read_from="beginning"),
            component("parse", "transform", "remap", source=". = parse_json!(.message)"),
            component(
                "out",
                "sink",
                "http",
                uri=url,
                method="post",
                encoding={"codec": "json"},
                batch={"timeout_secs": 0.2, "max_events": 1000},
                acknowledgements={"enabled": True},
                **sink,
            ),
        ],
        [("lines", "_default", "parse"), ("parse", "_default", "out")],
    )


def create(api: Api, name: str, content: dict[str, Any]) -> str:
    return str(
        api.post(f"{api.base}/pipelines", {"name": name, "description": "", "document": content})["id"]
    )


def deploy(
    api: Api,
    pipeline: str,
    *,
    seconds: float = 60,
    revision: int | None = None,
    expect: str = "done",
    batch_size: int | None = None,
) -> Any:
    """Roll a pipeline out and wait for the rollout to end in the expected state."""
    rollout = api.post(
        f"{api.base}/pipelines/{pipeline}/rollouts",
        {"revision": revision, "message": "test", "batch_size": batch_size},
    )

    def ended() -> Any:
        now = api.get(f"{api.base}/rollouts/{rollout['id']}")
        return now if now["state"] not in ("running",) else None

    final = wait_until(ended, seconds=seconds, what="the rollout ends")
    assert final["state"] == expect, final
    return final


def rolled(api: Api, rollout: Any) -> list[Any]:
    """The nodes of a rollout and what they reported."""
    return list(api.get(f"{api.base}/rollouts/{rollout['id']}/nodes")["items"])
