"""Pieces of VRL to put into a program, each with an event before and after it. The data lies in ``snippets.yaml``."""

import functools
import importlib.resources
from typing import Any

import msgspec
import yaml


class Snippet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One piece: what it does, and an event that shows it."""

    id: str
    title: str
    summary: str
    category: str
    program: str
    before: dict[str, Any]
    after: dict[str, Any]


@functools.cache
def snippets() -> tuple[Snippet, ...]:
    """All built-in snippets, by category as they stand in the file."""
    raw = importlib.resources.files(__package__).joinpath("snippets.yaml").read_bytes()
    return msgspec.convert(yaml.load(raw, Loader=yaml.CSafeLoader), tuple[Snippet, ...])
