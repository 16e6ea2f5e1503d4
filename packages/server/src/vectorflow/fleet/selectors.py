"""Label selectors: `env=prod, region in (eu, us), tier!=edge, !canary`. Pure; SQL evaluates what is parsed here.

All requirements must hold. A node without the label fulfils `!=`, `not in` and `!name`.
"""

import re
from typing import Final, Literal

import msgspec

from vectorflow.fleet.errors import SelectorInvalid
from vectorflow.kernel.errors import FieldError

MOST_REQUIREMENTS: Final = 20
MOST_VALUES: Final = 100
Operator = Literal["in", "not-in", "exists", "missing"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<op>==|!=|=|!|,|\(|\))|(?P<quoted>\"(?:[^\"\\]|\\.)*\")|(?P<word>[A-Za-z0-9_./:@+-]+))"
)
_NAME: Final = re.compile(r"^[A-Za-z0-9_./-]{1,63}$")


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a node's labels. `vals` is empty for `exists` and `missing`."""

    key: str
    op: Operator
    vals: tuple[str, ...] = ()


class _Token(msgspec.Struct, frozen=True):
    kind: Literal["op", "word", "end"]
    text: str
    at: int


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Take a selector apart; an empty one has no requirements. Raises `SelectorInvalid`, saying where."""
    if not text.strip():
        return ()
    reader = _Reader(_tokens(text))
    found = [reader.requirement()]
    while reader.take(","):
        found.append(reader.requirement())
    reader.end()
    if len(found) > MOST_REQUIREMENTS:
        raise _wrong(0, f"at most {MOST_REQUIREMENTS} requirements")
    return tuple(found)


def matches(labels: dict[str, str], requirements: tuple[Requirement, ...]) -> bool:
    """Tell whether labels fulfil all requirements, as SQL does."""
    return all(_fulfils(labels, each) for each in requirements)


def selector_text(requirements: tuple[Requirement, ...]) -> str:
    """Write requirements as a selector, the same for the same requirements."""
    return ", ".join(_written(each) for each in requirements)


def _fulfils(labels: dict[str, str], requirement: Requirement) -> bool:
    value = labels.get(requirement.key)
    match requirement.op:
        case "in":
            return value in requirement.vals
        case "not-in":
            return value not in requirement.vals
        case "exists":
            return value is not None
        case "missing":
            return value is None


def _written(requirement: Requirement) -> str:
    values = [
        value if re.fullmatch(r"[A-Za-z0-9_./:@+-]+", value) else _quoted(value) for value in requirement.vals
    ]
    match requirement.op, len(values):
        case "exists", _:
            return requirement.key
        case "missing", _:
            return f"!{requirement.key}"
        case "in", 1:
            return f"{requirement.key}={values[0]}"
        case "not-in", 1:
            return f"{requirement.key}!={values[0]}"
        case op, _:
            return f"{requirement.key} {'in' if op == 'in' else 'not in'} ({', '.join(values)})"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise _wrong(
                start, f"{text[start]!r} cannot stand here; put values with other characters in quotes"
            )
        start = match.end() - len(match.group().lstrip())
        if match["op"]:
            found.append(_Token("op", match["op"], start))
        elif match["quoted"]:
            found.append(_Token("word", re.sub(r"\\(.)", r"\1", match["quoted"][1:-1]), start))
        else:
            found.append(_Token("word", match["word"], start))
        at = match.end()
    return [*found, _Token("end", "the end", len(text))]


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def take(self, *operators: str) -> str | None:
        token = self._tokens[self._next]
        if token.kind == "op" and token.text in operators:
            self._next += 1
            return token.text
        return None

    def word(self, what: str) -> _Token:
        token = self._tokens[self._next]
        if token.kind != "word":
            raise _wrong(token.at, f"{what} is missing before {token.text}")
        self._next += 1
        return token

    def end(self) -> None:
        token = self._tokens[self._next]
        if token.kind != "end":
            raise _wrong(token.at, f"a comma is missing before {token.text!r}")

    def requirement(self) -> Requirement:
        if self.take("!"):
            return Requirement(key=self._key(), op="missing")
        key = self._key()
        sign = self.take("=", "==", "!=")
        if sign is not None:
            value = self.word("the value of " + key).text
            return Requirement(key=key, op="not-in" if sign == "!=" else "in", vals=(value,))
        token = self._tokens[self._next]
        if token.kind != "word":
            return Requirement(key=key, op="exists")
        if token.text not in ("in", "not", "notin"):
            raise _wrong(token.at, f"=, !=, in or a comma is missing before {token.text!r}")
        self._next += 1
        if token.text == "not" and self.word("in").text != "in":
            raise _wrong(token.at, "write not in (…)")
        return Requirement(key=key, op="in" if token.text == "in" else "not-in", vals=self._values())

    def _key(self) -> str:
        token = self.word("the name of a label")
        if not _NAME.match(token.text):
            raise _wrong(token.at, f"{token.text!r} is not the name of a label")
        return token.text

    def _values(self) -> tuple[str, ...]:
        at = self._tokens[self._next].at
        if not self.take("("):
            raise _wrong(at, "( is missing after in")
        values = [self.word("a value").text]
        while self.take(","):
            values.append(self.word("a value").text)
        at = self._tokens[self._next].at
        if not self.take(")"):
            raise _wrong(at, ") is missing")
        if len(values) > MOST_VALUES:
            raise _wrong(at, f"at most {MOST_VALUES} values")
        return tuple(dict.fromkeys(values))


def _wrong(at: int, message: str) -> SelectorInvalid:
    text = f"at character {at + 1}: {message}"
    return SelectorInvalid(f"The selector cannot be read {text}.", errors=[FieldError("selector", text)])
