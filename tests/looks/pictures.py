"""The kept pictures: where they are, which browser took them, and how they are written anew.

``python -m tests.looks.pictures`` takes every picture again; with ``--record`` it first records the answers of a real
product anew, which is needed when a page asks for something new.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright
from scripts.browser import installed

from tests.looks import record
from tests.looks.camera import FLAGS, look, rendering, window
from tests.looks.replay import ROOT, Replay, replaying
from tests.looks.views import THEMES, VIEWS, Theme, View

KEPT = ROOT / "docs/images/looks"
BROWSER = KEPT / "browser.json"


def file(view: View, theme: Theme, size: str) -> Path:
    """Return where the picture of a view is kept."""
    return KEPT / f"{view.name}-{theme}-{size}.webp"


def kept(view: View, theme: Theme, size: str) -> Image.Image | None:
    """Return the kept picture, if there is one."""
    path = file(view, theme, size)
    return Image.open(path).convert("RGB") if path.exists() else None


def views(size: str) -> list[View]:
    """Return the views that are pictured in a size."""
    return [view for view in VIEWS if size in view.sizes]


def launch(playwright: Playwright, *more: str) -> Browser:
    """Start the browser as pictures need it."""
    program = installed()
    assert program, "no browser: run scripts/browser.py"
    return playwright.chromium.launch(executable_path=program, args=[*FLAGS, *more])


def same_rendering(now: dict[str, str]) -> bool:
    """Say whether this browser paints as the one that took the kept pictures."""
    return bool(json.loads(BROWSER.read_text()) == now)


def out() -> Path:
    """Return a folder for pictures that differ."""
    chosen = os.environ.get("VECTORFLOW_PICTURES")
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / "vectorflow-looks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(browser: Browser, replay: Replay) -> int:
    """Take all pictures, write those that changed, remove what is no view any more; return how many were written."""
    KEPT.mkdir(parents=True, exist_ok=True)
    stale = set(KEPT.glob("*.webp"))
    written = 0
    for theme in THEMES:
        for size in ("wide", "narrow"):
            with window(browser, theme, size, replay.url) as page:
                for view in views(size):
                    taken = look(page, replay, view, size)
                    before = kept(view, theme, size)
                    stale.discard(file(view, theme, size))
                    if before is None or before.tobytes() != taken.tobytes():
                        taken.save(file(view, theme, size), lossless=True, quality=100, method=4)
                        written += 1
    for path in stale:
        path.unlink()
    BROWSER.write_text(json.dumps(rendering(browser), indent=1) + "\n")
    return written


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="record the answers of a real product first")
    if parser.parse_args().record and (failed := record.main()):
        return failed
    with sync_playwright() as playwright, replaying() as replay:
        browser = launch(playwright)
        written = write(browser, replay)
        browser.close()
    files = list(KEPT.glob("*.webp"))
    total = sum(each.stat().st_size for each in files)
    print(f"{len(files)} pictures, {total / 1e6:.2f} MB, {written} written")
    for request in sorted(replay.missing):
        print(f"not recorded: {request}; run make pictures RECORD=1", file=sys.stderr)
    return 1 if replay.missing else 0


if __name__ == "__main__":
    sys.exit(main())
