"""An example of each VRL function that can be shown in one expression: for hover and completion."""

import functools
import importlib.resources

import msgspec


class VrlExample(msgspec.Struct, frozen=True):
    """An expression that calls the function, and its result as JSON text; no result where it differs by time, chance or place."""

    program: str
    result: str | None


@functools.cache
def examples() -> dict[str, VrlExample]:
    """All examples by the function's name; they were run on an event that has a `message`."""
    raw = importlib.resources.files("vectorflow_engine.vrl").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, VrlExample])
