"""References to environment variables, made variables and secrets of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue import ComponentSpec
from vectorflow_topology.catalogue.sensitive import is_credential, looks_sensitive, option_at, secrecy_of
from vectorflow_topology.document import Variable
from vectorflow_topology.findings import Finding, Path, note

_TOKEN = re.compile(r"\$\$|\$([A-Za-z0-9_.]+)|\$\{([A-Za-z0-9_.]+)(?:(:?[-?])([^}]*))?\}")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]")
_TYPES = {"integer": "number", "number": "number", "boolean": "boolean"}


class Environment:
    """Takes apart texts that Vector would have interpolated, and remembers what they need.

    `variables` are those with a default; `findings` name everything that has to be given a value.
    """

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self._needed: dict[str, Finding] = {}

    def findings(self) -> Iterator[Finding]:
        """Say which variables and secrets took the place of the environment, in a form to apply."""
        yield from self._needed.values()

    def taken(
        self, value: Any, spec: ComponentSpec | None, path: Path = (), component: str | None = None
    ) -> Any:
        """Return a value with `$$` as `$`, and references as `VAR[name]` or, where it may stand, `SECRET[name]`."""
        if isinstance(value, str):
            return self._text(value, spec, path, component) if "$" in value else value
        if isinstance(value, Mapping):
            return {
                self._key(key): self.taken(inner, spec, (*path, key), component)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self.taken(inner, spec, (*path, index), component) for index, inner in enumerate(value)]
        return value

    def _text(self, text: str, spec: ComponentSpec | None, path: Path, component: str | None) -> str:
        def one(match: re.Match[str]) -> str:
            if match.group() == "$$":
                return "$"
            before = text[match.start() - 1 : match.start()]
            return self._reference(match, before, spec, path, component)

        return _TOKEN.sub(one, text)

    def _reference(
        self, match: re.Match[str], before: str, spec: ComponentSpec | None, path: Path, component: str | None
    ) -> str:
        found = match.group(1) or match.group(2)
        name = _NOT_NAME.sub("_", found)
        default = match.group(4) if (match.group(3) or "").endswith("-") else None
        if component is not None and _is_secret(found, spec, path):
            self._need_secret(found, name, component, path)
            return f"SECRET[{name}]"
        if before.isalnum() or before == "_":
            # A variable is only told from text around it by what stands before it.
            message = (
                f"{found} from the environment stands within a word; write {'.'.join(map(str, path))} anew."
            )
            self._needed[f"word {component} {path}"] = note(
                "import.environment", message, component, path, fix=None
            )
            return match.group()
        option = option_at(spec, path) if match.group() == match.string else None
        self._need_variable(found, name, _typed(option.type if option else "", default), component, path)
        return f"VAR[{name}]"

    def _need_secret(self, found: str, name: str, component: str, path: Path) -> None:
        message = f"The credential {found} came from the environment. Enter its value as the secret {name}."
        fix = {"action": "create_secret", "name": name}
        self._needed.setdefault(f"secret {name}", note("import.secret", message, component, path, fix=fix))

    def _need_variable(
        self, found: str, name: str, proposed: Variable, component: str | None, path: Path
    ) -> None:
        if proposed.value != "" or name in self.variables:
            self.variables.setdefault(name, proposed)
            message = f"{found} came from the environment and is now the variable {name}, with its default."
        else:
            message = f"{found} came from the environment and is now the variable {name}. Give it a value."
        fix = {"action": "define_variable", "name": name, **msgspec.to_builtins(proposed)}
        self._needed.setdefault(
            f"variable {name}", note("import.environment", message, component, path, fix=fix)
        )

    def _key(self, key: Any) -> Any:
        return key.replace("$$", "$") if isinstance(key, str) else key


def _is_secret(found: str, spec: ComponentSpec | None, path: Path) -> bool:
    if is_credential(spec, path):
        return True
    return secrecy_of(spec, path) == "carrier" and looks_sensitive(found)


def _typed(option_type: str, default: str | None) -> Variable:
    """A variable of the type that the option wants, as far as the default reads as one."""
    text = default or ""
    kind = _TYPES.get(option_type)
    if kind == "boolean" and text in ("true", "false"):
        return Variable(type="boolean", value=text == "true")
    if kind == "number":
        try:
            number = msgspec.json.decode(text.encode(), type=int | float)
        except msgspec.DecodeError:
            return Variable(type="string", value=text)
        return Variable(type="number", value=number)
    return Variable(type="string", value=text)
