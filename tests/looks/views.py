"""The views that are pictured: where each is, how it is brought about, and in which sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page, expect

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
BOTH = ("wide", "narrow")


def _nothing(_page: Page) -> None:
    """The page as it comes."""


def _graph(page: Page) -> None:
    """The editor once the graph is drawn and the checks were answered."""
    expect(page.locator(".react-flow__node").first).to_be_visible()
    expect(page.get_by_role("tab", name="Findings")).to_be_visible()


def _program(page: Page) -> None:
    """The inspector of a component whose option is a VRL program."""
    _graph(page)
    expect(page.locator(".cm-line").first).to_be_visible()


@dataclass(frozen=True)
class View:
    """One place. In `path`, `{base}`, `{pipeline}`, `{rollout}`, `{node}`, `{from}` and `{to}` stand for what was recorded.

    The two last are the part of the past, in milliseconds, in which the product had run: what charts have to show.
    """

    name: str
    path: str
    sizes: tuple[str, ...] = BOTH
    arrange: Callable[[Page], None] = _nothing
    whole: bool = False
    """Picture the page to its end, not only the window."""


VIEWS = (
    View("design", "/design", whole=True),
    View("sign-in", "/sign-in"),
    View("pipelines", "{base}/pipelines"),
    View("editor", "{base}/pipelines/{pipeline}?pane=yaml", arrange=_program),
    View("component", "{base}/pipelines/{pipeline}?component=parse", ("wide",), arrange=_program),
    View("metrics", "{base}/pipelines/{pipeline}/metrics?component=parse&from={from}&to={to}"),
    View("deploy", "{base}/pipelines/{pipeline}/deploy", ("wide",)),
    View("rollout", "{base}/rollouts/{rollout}"),
    View("nodes", "{base}/nodes"),
    View("node", "{base}/nodes/{node}?from={from}&to={to}"),
    View("alerts", "{base}/alerts"),
    View("vault", "{base}/secrets"),
    View("templates", "{base}/templates", ("wide",)),
    View("audit", "{base}/audit"),
    View("organization", "{base}/organization"),
)
