"""Whether the users of engines get at what they need, asked by really trying."""

import asyncio
from pathlib import Path

from vectorflow_agent.core.failures import clean_lines
from vectorflow_agent.shell.confinement import Confinement, Confiner
from vectorflow_agent.shell.disk import Layout
from vectorflow_agent.shell.engines import Engine
from vectorflow_agent.shell.users import obstacle


async def unreachable(confiner: Confiner, engine: Engine, layout: Layout, runtime: Path) -> str:
    """Why users of engines cannot run the engine on its files, and what to do; "" if they can."""
    if confiner.users is None:
        return ""
    for path in (layout.pipelines, runtime):
        if blocked := await asyncio.to_thread(obstacle, path):
            return f"engines' users cannot get to {path}: {blocked} is closed to them (chmod o+x {blocked})"
    log = layout.root / "probe.log"
    probe = Confinement(account=confiner.users.probe)
    try:
        tried = await engine.runs_as(probe, layout.pipelines, log)
    except OSError as error:
        return f"engines' users cannot be tried: {error.strerror}"
    finally:
        log.unlink(missing_ok=True)
    if tried.exit_code == 0:
        return ""
    said = " ".join(clean_lines(tried.output))
    return (
        f"engines' users cannot run {engine.binary} ({said}): it must be readable and executable for others"
    )
