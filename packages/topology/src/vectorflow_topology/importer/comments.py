"""Comments above a component in YAML or TOML: they become the component's own comment."""

from __future__ import annotations

import re

MAX_LENGTH = 2_000
"""The longest comment that is kept, in characters."""

_TOML_TABLE = re.compile(r"""\s*\[\s*(\w+)\s*\.\s*["']?([^"'\]]+?)["']?\s*\]\s*(?:#.*)?\Z""")


class Comments:
    """The comments of one text, looked up by where a component's options begin."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._tables: dict[tuple[str, str], int] = {}
        for number, line in enumerate(self._lines):
            table = _TOML_TABLE.match(line) if "[" in line else None
            if table:
                self._tables.setdefault((table.group(1), table.group(2)), number)

    def above(self, section: str, name: str, place: tuple[int, int] | None) -> str:
        """Return the comment lines right above a component, without their marks; empty if there are none.

        `place` is line and column of its options, from 1, where they are known.
        """
        number = self._tables.get((section, name)) if place is None else self._key_line(name, place[0] - 1)
        found: list[str] = []
        while number is not None and number > 0 and self._lines[number - 1].lstrip().startswith("#"):
            number -= 1
            found.append(self._lines[number].lstrip().removeprefix("#").strip())
        return "\n".join(reversed(found)).strip()[:MAX_LENGTH]

    def count(self) -> int:
        """Return how many lines are comments as a whole."""
        return comment_lines("\n".join(self._lines))

    def _key_line(self, name: str, number: int) -> int | None:
        for candidate in range(min(number, len(self._lines) - 1), max(number - 20, -1), -1):
            key = self._lines[candidate].lstrip().lstrip("\"'")
            if key.startswith(name) and key[len(name) :].lstrip("\"' ").startswith(":"):
                return candidate
        return None


def comment_lines(text: str) -> int:
    """Count the lines of a text, or of a program in it, that begin with a hash."""
    return sum(line.lstrip().startswith("#") for line in text.splitlines()) if "#" in text else 0
