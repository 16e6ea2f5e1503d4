"""RFC 8785 canonical JSON and the hash of a document."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from vectorflow_topology.document import Document, document_to_json


def document_hash(document: Document, *, layout: bool = True) -> str:
    """Return the SHA-256, in hex, of the document's canonical JSON.

    Without `layout`, moving and grouping things on the canvas does not change the hash.
    """
    plain = document_to_json(document)
    if not layout:
        del plain["layout"]
        plain.pop("groups", None)
    return hashlib.sha256(canonical_json(plain)).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return `value` as RFC 8785 canonical JSON.

    Integers beyond 2^53 are written in full, where the RFC would have them rounded: Vector's own
    defaults contain such numbers and two of them must not hash alike. Raises ValueError on NaN and
    infinity.
    """
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        # The RFC sorts by UTF-16 code units, which differs from code points beyond the basic plane.
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_quoted(key)}:{_text(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """Write a float as ECMAScript does: the shortest digits, an exponent only outside 1e-7 … 1e21."""
    if not math.isfinite(value):
        raise ValueError("NaN and infinity have no JSON form")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value!r}".lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).rstrip("0") if fraction != "0" or exponent else whole.rstrip("0")
    point = len(whole) + int(exponent or 0)
    leading = len(digits) - len(digits.lstrip("0"))
    digits, point = digits[leading:], point - leading
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= 21:
        return sign + (
            digits.ljust(point, "0") if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"
        )
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"{sign}{digits[0]}{'.' + digits[1:] if len(digits) > 1 else ''}{power}"
