"""What is refused before the compiler sees it: programs that are known to hang or kill it.

Strings and comments are blanked first, so that their text never counts.
"""

import re

from vectorflow_engine.vrl.types import Kind, VrlDiagnostic

MAX_SOURCE_BYTES = 64 * 1024
MAX_NESTING = 128
MAX_STATEMENTS = 1_000
MAX_LITERAL_INDEX = 10_000

# They read the host, the network or files: never in a process that serves several organisations.
HOST_FUNCTIONS = frozenset(
    {
        "dns_lookup",
        "encode_proto",
        "get_env_var",
        "get_hostname",
        "get_timezone_name",
        "http_request",
        "parse_etld",
        "parse_groks",
        "parse_proto",
        "reverse_dns",
        "validate_json_schema",
    }
)

# A quote inside s'…', r'…' and t'…' is escaped with a backslash, as in "…".
_QUOTED = re.compile(r"""\b[srt]'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\#[^\n]*""", re.DOTALL)
_INDEX = re.compile(r"\[\s*-?\s*([0-9][0-9_]*)\s*\]")
_CALL = re.compile(r"(?<![.%@\w])([a-z_][a-z0-9_]*)\s*!?\s*\(")
_STATEMENT_END = re.compile(r"[\n;]")
_TARGET = r"(?<![\w\])\"}])[.%](?:[A-Za-z0-9_@.\-]|\[[^\]\n]*\])*"
_WRITE = re.compile(_TARGET + r"\s*(?:\|=|=(?!=)|,[^\n=;()\[\]{}]*(?<![=!<>|])=(?!=))")
_DELETE = re.compile(r"(?<![.%@\w])(?:del|remove_secret|set_secret|set_semantic_meaning)\s*!?\s*\(\s*[.%]")


def blank(source: str) -> str:
    """The program with strings and comments blanked, every position kept."""
    return _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)


def check(source: str, *, kind: Kind, service: bool) -> list[VrlDiagnostic]:
    """Complaints that need no compiler; an empty list means that compiling may be tried.

    ``service`` also refuses the functions that read the host (`HOST_FUNCTIONS`).
    """
    size = len(source.encode("utf-8", "replace"))
    if size > MAX_SOURCE_BYTES:
        text = f"the program is {size} bytes long; at most {MAX_SOURCE_BYTES} are accepted"
        return [VrlDiagnostic(text, code="vrl.too-large")]
    try:
        source.encode()
    except UnicodeEncodeError as error:
        return [_at(source, error.start, "the program is not valid UTF-8 text", "vrl.not-text")]
    if "\0" in source:
        return [_at(source, source.index("\0"), "the program holds a NUL character", "vrl.too-large")]
    code = blank(source)
    found = _shape(code)
    if service:
        found += [
            _at(
                code, hit.start(), f"{hit.group(1)} reads the host and is not available here", "vrl.forbidden"
            )
            for hit in _CALL.finditer(code)
            if hit.group(1) in HOST_FUNCTIONS
        ]
    if kind == "condition":
        text = "a condition may not change the event"
        writes = [*_WRITE.finditer(code), *_DELETE.finditer(code)]
        found += [_at(code, hit.start(), text, "vrl.read-only") for hit in writes]
    return found


def _shape(code: str) -> list[VrlDiagnostic]:
    found = []
    statements = sum(1 for part in _STATEMENT_END.split(code) if part.strip())
    if statements > MAX_STATEMENTS:
        text = f"the program has {statements} statements; at most {MAX_STATEMENTS} are accepted"
        found.append(VrlDiagnostic(text, code="vrl.too-large"))
    for hit in _INDEX.finditer(code):
        if len(hit.group(1)) > 10 or int(hit.group(1)) > MAX_LITERAL_INDEX:
            text = f"the index is too large; at most {MAX_LITERAL_INDEX} is accepted"
            found.append(_at(code, hit.start(), text, "vrl.too-large"))
    deep = _too_deep(code)
    if deep is not None:
        text = f"the program nests more than {MAX_NESTING} levels deep"
        found.append(_at(code, deep, text, "vrl.too-large"))
    return found


def _too_deep(code: str) -> int | None:
    depth = run = 0
    for position, char in enumerate(code):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        # A row of signs (`!!!!…`, `----…`) nests as well, without any bracket.
        run = run + 1 if char in "!-" else (run if char.isspace() else 0)
        if depth > MAX_NESTING or run > MAX_NESTING:
            return position
    return None


def _at(code: str, offset: int, message: str, name: str) -> VrlDiagnostic:
    line = code.count("\n", 0, offset) + 1
    return VrlDiagnostic(message, line, offset - code.rfind("\n", 0, offset), name)
