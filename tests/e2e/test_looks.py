"""The pages look as they are kept: each view in both themes and two widths, on recorded answers.

What differs is left as a picture (kept, taken, difference) in the folder of ``VECTORFLOW_PICTURES``, or of temporary
files. ``make pictures`` keeps what the pages look like now.
"""

from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.looks import compare
from tests.looks.camera import look, rendering, settled, window
from tests.looks.compare import Verdict, loosely, strictly
from tests.looks.pictures import file, kept, launch, out, same_rendering, views
from tests.looks.replay import Replay, replaying
from tests.looks.views import THEMES, VIEWS, Theme

Compare = Callable[[Image.Image, Image.Image], Verdict]
DESIGN = VIEWS[0]


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with replaying() as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def painter(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("theme", THEMES)
def test_pages_look_as_they_are_kept(
    painter: Browser, replay: Replay, theme: Theme, size: str, record_property: Callable[[str, object], None]
) -> None:
    now = rendering(painter)
    how: Compare = strictly if same_rendering(now) else loosely
    if how is loosely:
        record_property(
            "looks", f"{theme} {size}: compared loosely, since {now} did not take the kept pictures"
        )
    wrong = []
    with window(painter, theme, size, replay.url) as page:
        for view in views(size):
            taken = look(page, replay, view, size)
            before = kept(view, theme, size)
            verdict = Verdict("is not kept yet") if before is None else how(before, taken)
            if verdict.words:
                place = out() / f"{file(view, theme, size).stem}.png"
                (taken if before is None else compare.difference(before, taken)).save(place)
                wrong.append(f"{view.name} {verdict.words} {verdict.where or ''} (see {place})")
    assert sorted(replay.missing) == []
    assert wrong == [], "if this is meant: make pictures"


CHANGES = {
    "a colour of the theme is a little lighter": ":root { --primary: oklch(0.35 0.02 250) !important }",
    "the ground is darker by two hundredths": ":root { --background: oklch(0.965 0.003 250) !important }",
    "a row of buttons stands eight pixels further right": "section:nth-of-type(3) > div { margin-left: 8px }",
    "one icon is not drawn": "section:nth-of-type(3) svg { visibility: hidden }",
    "words are a pixel larger": "body { font-size: 14px !important }",
}


def test_a_change_is_seen_by_both_comparisons(painter: Browser, replay: Replay) -> None:
    with window(painter, "light", "wide", replay.url) as page:
        before = look(page, replay, DESIGN, "wide")
        for words, rule in CHANGES.items():
            style = page.add_style_tag(content=rule)
            after = settled(page)
            style.evaluate("(each) => each.remove()")
            for how in (strictly, loosely):
                assert how(before, after).words != "", f"{how.__name__}: {words}"
        again = settled(page)
        for how in (strictly, loosely):
            assert how(before, again).words == ""


def test_another_way_of_painting_letters_is_let_pass_loosely_and_not_strictly(
    playwright: Playwright, painter: Browser, replay: Replay
) -> None:
    other = launch(playwright, "--font-render-hinting=full", "--disable-font-subpixel-positioning")
    with window(other, "light", "wide", replay.url) as page:
        theirs = look(page, replay, DESIGN, "wide")
    assert rendering(other) != rendering(painter)
    other.close()
    with window(painter, "light", "wide", replay.url) as page:
        ours = look(page, replay, DESIGN, "wide")
    assert strictly(ours, theirs).words != ""
    assert loosely(ours, theirs).words == ""
