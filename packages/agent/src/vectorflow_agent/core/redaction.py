"""Taking secrets out of what leaves the machine: by value where the value is known, by name and by look where not.

It errs on the side of taking out too much: what is left is for people to read, never for a machine to run.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

BLOT: Final = "[redacted]"
_SHORTEST: Final = 4

_SENSITIVE: Final = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token|credential|api_?key|private|(?:^|_)key$|key_pass|access_key|license"
    r"|sas$|dsn$|connection_string|signature|cookie|authorization|(?:^|_)pin$|webhook",
    re.I,
)
# Options whose name ends like a secret's, and which hold none.
_HARMLESS: Final = re.compile(r"key_field|key_file$|log_key$|host_key$|_token_file$|secret_name$", re.I)
_SUBTREES: Final = frozenset({"auth", "headers", "credentials", "secret"})
# What stands in these trees and is no secret: how somebody signs in, not with what.
_PLAIN_IN_TREES: Final = frozenset({"strategy", "type", "region", "assume_role", "endpoint", "path"})
_LOOKS: Final = (
    re.compile(r"\bvf[a-z]_[a-z0-9-]{3,32}_[A-Za-z0-9_]+"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(r"(?<=://)[^/\s\"'@]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),
)
_PAIR: Final = re.compile(
    r"(?i)([\w.-]*(?:password|passwd|secret|token|api_?key|access_key|credential)[\w.-]*[\"']?\s*[=:]\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s,;&}\]]+)"
)


def looks_sensitive(name: str) -> bool:
    """Whether an option, a setting or a variable of this name mostly holds a secret."""
    return bool(_SENSITIVE.search(name)) and not _HARMLESS.search(name)


class Redactor:
    """Blots out secrets: values that are known, in every form they may be printed in, and what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form for value in secrets if len(value.strip()) >= _SHORTEST for form in _forms(value.strip())
        }
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without secrets and without control characters but line breaks."""
        for form in self._forms:
            text = text.replace(form, BLOT)
        for look in _LOOKS:
            text = look.sub(BLOT, text)
        text = _PAIR.sub(lambda pair: pair.group(1) + BLOT, text)
        return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)

    def data(self, value: Any, put: Callable[[tuple[str, ...]], str] = lambda _: BLOT) -> Any:
        """Plain data without secrets: by the names of what holds them, and by their look.

        `put` gives what stands in a secret's place, from the names that lead to it.
        """
        return self._data(value, (), put, secret=False)

    def _data(
        self, value: Any, path: tuple[str, ...], put: Callable[[tuple[str, ...]], str], *, secret: bool
    ) -> Any:
        name = path[-1] if path else ""
        secret = secret or looks_sensitive(name)
        if isinstance(value, Mapping):
            under = secret or name in _SUBTREES
            return {
                self.text(str(key)): self._data(
                    inner, (*path, str(key)), put, secret=under and str(key) not in _PLAIN_IN_TREES
                )
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._data(inner, path, put, secret=secret) for inner in value]
        if isinstance(value, str):
            if secret and value and not value.startswith(("SECRET[", "${")):
                return put(path)
            return value if secret else self.text(value)
        return put(path) if secret and value is not None and not isinstance(value, bool) else value


def _forms(value: str) -> set[str]:
    encoded = value.encode("utf-8", "surrogateescape")
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode().rstrip("="),
        encoded.hex(),
    }
