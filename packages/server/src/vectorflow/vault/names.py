"""What names, descriptions and other short texts may be; all nouns of the vault share it."""

import re
from collections.abc import Sequence

from vectorflow.kernel.errors import FieldError
from vectorflow.vault.types import MOST_DESCRIPTION, NAME_PATTERN, Limits

NAME = re.compile(NAME_PATTERN.replace("$", r"\Z"))
_MOST_LIMITS = 50
_TYPE = re.compile(r"(source|transform|sink):[a-z][a-z0-9_]{0,63}\Z")
_PATH = re.compile(r"[A-Za-z0-9_.\-\[\]*]{1,300}\Z")
_HOST = re.compile(r"[A-Za-z0-9.*?_:\-\[\]]{1,253}\Z")


def name_errors(name: str) -> list[FieldError]:
    """Return what is wrong with a name."""
    return [] if NAME.fullmatch(name) else [FieldError("name", "use 1 to 64 of A-Z, a-z, 0-9, _ and -")]


def description_errors(description: str) -> list[FieldError]:
    """Return what is wrong with a description."""
    if len(description) > MOST_DESCRIPTION or "\0" in description or not _is_text(description):
        return [FieldError("description", f"use at most {MOST_DESCRIPTION} characters of text")]
    return []


def limits_errors(limits: Limits) -> list[FieldError]:
    """Return what is wrong with the limits of a secret."""
    problems = []
    kinds = (
        ("types", limits.types, _TYPE, "write kind and type, such as sink:http"),
        ("paths", limits.paths, _PATH, "write an option with dots, such as auth.token"),
        ("hosts", limits.hosts, _HOST, "write a host name; * stands for any part of it"),
    )
    for field, values, pattern, message in kinds:
        if len(values) > _MOST_LIMITS:
            problems.append(FieldError(f"limits.{field}", f"use at most {_MOST_LIMITS}"))
        problems += [
            FieldError(f"limits.{field}.{index}", message)
            for index, value in enumerate(values)
            if not pattern.fullmatch(value)
        ]
    return problems


def in_words(names: Sequence[str]) -> str:
    """Return the first names of a list, for a message."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
