"""Conditions in VRL, judged beside the agent: in a process of the embedded engine that can be killed at any time.

The agent holds no VRL itself, and never waits longer than for one answer in time: what cannot be judged is not sent.
The process sees events as they would be sent, after redaction, and opens neither a file nor a connection.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent import launch
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.engines import EngineMissing
from vectorflow_wire.messages import EngineKind

MOST_EVENTS: Final = 100
BATCH_SECONDS: Final = 2.0
_START_SECONDS: Final = 30.0
_BESIDE: Final = Path(sys.executable).with_name("vectorflow-engine")


class JudgeFailed(Exception):
    """Events could not be judged; the message says why."""


class _Ready(msgspec.Struct):
    error: str = ""


def can_judge(context: Context) -> bool:
    """Whether this node has the embedded engine: as its engine, or beside the agent."""
    return context.engine_facts.kind == EngineKind.EMBEDDED or _BESIDE.exists()


class Judge:
    """One condition. Use from one task; `close` it."""

    def __init__(self, context: Context, pipeline: str, condition: str) -> None:
        self._context, self._pipeline, self._condition = context, pipeline, condition
        self._process: asyncio.subprocess.Process | None = None

    async def judged(self, events: Sequence[bytes]) -> list[bool]:
        """Which events, each as JSON, fulfil the condition. Raises JudgeFailed; then the next call begins anew."""
        try:
            if self._process is None:
                async with asyncio.timeout(_START_SECONDS):
                    await self._start()
            async with asyncio.timeout(BATCH_SECONDS):
                line = await self._answer(b"[" + b",".join(events) + b"]")
            verdicts = msgspec.json.decode(line, type=list[bool])
        except (TimeoutError, OSError, ValueError, EngineMissing) as error:
            await self.close()
            what = str(error) or "it took too long and was ended"
            raise JudgeFailed(f"the condition could not be judged: {what}") from error
        except BaseException:
            await self.close()
            raise
        if len(verdicts) != len(events):
            await self.close()
            raise JudgeFailed("the condition could not be judged: not every event was answered")
        return verdicts

    async def close(self) -> None:
        """Kill the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *await self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        ready = msgspec.json.decode(await self._answer(msgspec.json.encode(self._condition)), type=_Ready)
        if ready.error:
            raise ValueError(ready.error)

    async def _command(self) -> list[str]:
        """Confined as the pipeline's engine is: what it judges comes from outside."""
        engine = await self._context.engine(self._pipeline)
        program = engine.binary if engine.embedded else str(_BESIDE)
        confined = await asyncio.to_thread(self._context.confiner.of, self._pipeline)
        confined = msgspec.structs.replace(confined, groups=(), low_ports=False, cgroup="")
        orders = confined.orders(())
        return [sys.executable, "-I", "-S", launch.__file__, orders, program, "judge"]

    async def _answer(self, line: bytes) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ValueError("its process is gone")
        process.stdin.write(line + b"\n")
        await process.stdin.drain()
        answer = await process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise ValueError("its process ended; the condition needs too much time or memory")
        return answer
