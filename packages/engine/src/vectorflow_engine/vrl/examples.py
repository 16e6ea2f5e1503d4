"""An example of each VRL function whose result is always the same: for hover and completion."""

import functools
import importlib.resources

import msgspec


class VrlExample(msgspec.Struct, frozen=True):
    """An expression that calls the function, and its result as JSON text."""

    program: str
    result: str


@functools.cache
def examples() -> dict[str, VrlExample]:
    """All examples by the function's name; they were run on an event that has a `message`."""
    raw = importlib.resources.files("vectorflow_engine.vrl").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, VrlExample])
