"""Steps that tests of the editor share."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.pipelines import component, create, document
from tests.e2e.stack import Api, Stack


def address_of(stack: Stack, pipeline: str) -> str:
    return f"/{stack.demo['organization']}/{stack.demo['environment']}/pipelines/{pipeline}"


def chain(api: Api, name: str) -> str:
    """Make a pipeline of a source, two filters in a row and a sink, and return its id."""
    components = [
        component("in", "source", "demo_logs", format="json"),
        component("first", "transform", "filter", condition="true"),
        component("second", "transform", "filter", condition="true"),
        component("out", "sink", "blackhole"),
    ]
    edges = [("in", "_default", "first"), ("first", "_default", "second"), ("second", "_default", "out")]
    return create(api, name, document(components, edges))


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    expect(page.get_by_role("status").filter(has_text=re.compile("^Saved$"))).to_be_visible(timeout=30_000)


def saved_elsewhere(api: Api, pipeline: str, **options: object) -> None:
    """Save the pipeline as another person would meanwhile, with options of one component changed."""
    now = api.get(f"{api.base}/pipelines/{pipeline}")
    for each in now["document"]["components"]:
        each["options"] |= options.get(each["id"], {})
    body = {key: now[key] for key in ("name", "description", "document")}
    api.call("PUT", f"{api.base}/pipelines/{pipeline}", json=body, headers={"If-Match": now["etag"]})


def conditions(api: Api, pipeline: str) -> dict[str, str]:
    components = api.get(f"{api.base}/pipelines/{pipeline}")["document"]["components"]
    return {each["id"]: each["options"]["condition"] for each in components if each["type"] == "filter"}
