"""The secrets that a pipeline's engines were given, so that nothing that leaves the node repeats one."""

import msgspec

from vectorflow_agent.core.loglines import hidden
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import read_optional
from vectorflow_agent.shell.instances import Instance
from vectorflow_agent.shell.prepare import NotPrepared, blots, secret_values
from vectorflow_wire.bundles import BundlePipeline


def opened(context: Context, spec: BundlePipeline) -> list[str]:
    """The secrets of a specification, as an engine could print them. Raises ValueError when they cannot be opened."""
    try:
        return list(blots(secret_values(context, spec)))
    except NotPrepared as error:
        raise ValueError(str(error)) from error


def given(context: Context, pipeline: str) -> tuple[str, ...]:
    """The secrets of all engines of a pipeline that left a record, longest first. Raises ValueError, OSError."""
    found: list[str] = []
    for record in sorted((context.layout.pipelines / pipeline).glob("engines/*/engine.json")):
        text = read_optional(record)
        if text is None:
            continue
        try:
            spec = msgspec.json.decode(text, type=Instance).spec
        except msgspec.MsgspecError as error:
            raise ValueError(f"{record.name} cannot be read") from error
        found += opened(context, spec)
    return hidden(found)
