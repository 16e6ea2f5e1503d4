"""What an environment lends a document: variables, certificates, lookup files, and where secrets live outside.

A revision keeps what it was compiled with, so that the same document compiles to the same bytes later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from vectorflow_topology.document import Document

RefKind = Literal["secret", "variable", "certificate", "file"]

VARIABLE = re.compile(r"(?<![A-Za-z0-9_])VAR\[([A-Za-z0-9_-]+)\]")
# With a prefix it is a sensitive variable or a certificate's private key, which travel like secrets.
SECRET = re.compile(r"SECRET\[((?:var:|key:)?[A-Za-z0-9_-]+)\]")
HELD = re.compile(r"(CERT|KEY|FILE)\[([A-Za-z0-9_-]{1,64})\]")

_TEXT_REFERENCE = re.compile(
    r"(?<![A-Za-z0-9_])(VAR|SECRET|CERT|KEY|FILE)\[((?:var:|key:)?[A-Za-z0-9_-]{1,64})\]"
)
_KINDS: dict[str, RefKind] = {"VAR": "variable", "SECRET": "secret", "CERT": "certificate", "FILE": "file"}


class EnvironmentVariable(msgspec.Struct, frozen=True):
    """A variable of the environment. A sensitive one has no value here: it travels like a secret."""

    value: str | int | float | bool | list[str] | None
    sensitive: bool = False


class HeldCertificate(msgspec.Struct, frozen=True):
    """A certificate as a file: the digest of its PEM, and whether there is a private key of this version."""

    sha256: str
    version: int
    has_key: bool = False


class OutsideSecret(msgspec.Struct, frozen=True):
    """A secret that the node's own engine fetches: the name of the backend there, and the key in it."""

    backend: str
    key: str


class Surroundings(msgspec.Struct, frozen=True):
    """Everything of an environment that one document refers to, by name."""

    variables: dict[str, EnvironmentVariable] = {}
    certificates: dict[str, HeldCertificate] = {}
    files: dict[str, str] = {}
    outside: dict[str, OutsideSecret] = {}


class Reference(msgspec.Struct, frozen=True):
    """One reference as it stands in a document; `component` is None outside of components."""

    kind: RefKind
    name: str
    component: str | None = None
    private: bool = False
    """Whether it is a certificate's private key."""


def references(document: Document) -> Iterator[Reference]:
    """Yield every reference of a document as it stands, also in components that are switched off.

    A draft need not compile, so nothing is resolved and nothing is judged.
    """
    for component in document.components:
        for value in _texts(component.options):
            yield from _found(value, component.id)
    around = (document.globals, document.enrichment_tables, document.variables, document.tests)
    for value in _texts(msgspec.to_builtins(around)):
        yield from _found(value, None)


def _found(text: str, component: str | None) -> Iterator[Reference]:
    for word, name in _TEXT_REFERENCE.findall(text):
        prefix, _, rest = name.rpartition(":")
        if word == "KEY" or prefix == "key":
            yield Reference("certificate", rest, component, private=True)
        elif prefix == "var":
            yield Reference("variable", rest, component)
        elif not prefix:
            yield Reference(_KINDS[word], rest, component)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "[" in value:
            yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
