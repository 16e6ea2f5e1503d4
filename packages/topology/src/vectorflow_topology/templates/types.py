"""What a template's file holds. These structs are its schema: what they do not name is refused."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ParameterType = Literal["text", "texts", "number", "boolean", "choice", "field", "fields", "secret"]
Category = Literal["pattern", "protection"]
Must = Literal["change", "stay", "resist"]

FIELD = r"^\.?[A-Za-z_@][A-Za-z0-9_@-]*(\.[A-Za-z_@][A-Za-z0-9_@-]*)*$"
"""A field of an event: names with dots between them, a dot in front if somebody likes."""

SECRET_NAME = r"^[A-Za-z0-9_-]{1,100}$"  # noqa: S105 - what names look like


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that whoever uses the template chooses.

    A `field` is written `.user.email`; a `secret` is a name, never a value. Without a `default` it has to
    be given. A `variable` stays one in the pipeline, so that it can be changed in one place later.
    """

    name: str
    title: str
    type: ParameterType
    help: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    variable: bool = False


class Fixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that shows what the template does: it must change, must stay as it is, or tries to slip through.

    `test` is a unit test in Vector's form. `parameters` are those that differ from the defaults and examples.
    `counts` says how many events come out of a place, which Vector's form cannot say.
    """

    must: Must
    test: dict[str, Any]
    parameters: dict[str, Any] = {}
    counts: dict[str, int] = {}


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline with open places.

    `pipeline` is Vector's configuration, where `{parameter: name}` stands for a parameter's value,
    `{join: […]}` for text put together, and `{vrl: …, with: […]}` for a program that finds the named
    parameters as variables. `examples` fill what has no default, for the preview and the fixtures.
    `notes` are comments of components, by id.
    """

    id: str
    title: str
    summary: str
    about: str
    category: Category
    tags: tuple[str, ...]
    pipeline: dict[str, Any]
    fixtures: tuple[Fixture, ...]
    parameters: tuple[Parameter, ...] = ()
    examples: dict[str, Any] = {}
    notes: dict[str, str] = {}
