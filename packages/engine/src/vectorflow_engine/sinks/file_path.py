"""Paths of the ``file`` sink: date and fields filled in, and kept where the configuration put them."""

import datetime
import os
import re
from typing import Any

from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.transforms.paths import fields_in, template
from vectorflow_engine.vrl.timestamps import Timestamp

_FIELD = re.compile(r"(\{\{[^}]+\}\})")
_MAX_LENGTH = 1024
_MAX_DATES = 1_000


class Unconfined(ValueError):
    """A field tried to lead the path out of its folder."""


class PathTemplate:
    """A path per event."""

    def __init__(self, text: str, base_dir: str | None, *, unconfined: bool) -> None:
        """Raises `ConfigError` when fields are not confined to a folder."""
        self._parts = _FIELD.split(text)
        self._dated = any("%" in part for part in self._parts[0::2])
        self._fields = fields_in(text)
        self.constant = not self._dated and not self._fields
        self._base: str | None = None
        if self._fields and not unconfined:
            literal = os.path.dirname(self._parts[0].partition("%")[0])
            if not (base_dir or literal.strip("/")):
                raise ConfigError(
                    "option `path`: a template with fields needs a literal folder in front, or `base_dir`"
                )
            self._base = os.path.normpath(base_dir or literal)
        self._renderers: dict[str, Any] = {"": template(text)} if not self._dated else {}
        self._text = text

    def render(self, event: dict[str, Any]) -> str | None:
        """The path for ``event``; None when a field is missing; raises `Unconfined`."""
        path: str | None = self._renderer(event)(event)
        if path is None or self._base is None:
            return path
        clean = os.path.normpath(path)
        inside = clean.startswith(self._base.rstrip("/") + "/")
        if not inside or "\0" in path or ".." in path.split("/") or len(path) > _MAX_LENGTH:
            raise Unconfined
        return path

    def _renderer(self, event: dict[str, Any]) -> Any:
        if not self._dated:
            return self._renderers[""]
        stamp = event.get("timestamp")
        second = stamp[:19] if type(stamp) is Timestamp else ""
        if not second:
            second = datetime.datetime.now(datetime.UTC).isoformat()[:19]
        if second not in self._renderers:
            if len(self._renderers) >= _MAX_DATES:
                self._renderers.clear()
            at = datetime.datetime.fromisoformat(second)
            # Only literal parts hold dates: a field's value may hold a percent sign.
            parts = [part if index % 2 else at.strftime(part) for index, part in enumerate(self._parts)]
            self._renderers[second] = template("".join(parts))
        return self._renderers[second]
