"""What an agent that runs does again and again on its own disk: small logs, no key too many, its status for who asks."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import write_atomic
from vectorflow_agent.shell.heartbeat import Heartbeats
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.sealing_keys import named_on_disk
from vectorflow_agent.shell.told import Told
from vectorflow_wire.messages import HeartbeatRequest

_log = logging.getLogger(__name__)
_UPKEEP_SECONDS: Final = 2.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `vectorflow-agent status` shows."""

    at: int
    version: str
    url: str
    node: str
    name: str
    revoked: bool
    problems: list[str]
    heartbeat: HeartbeatRequest | None


class Upkeep:
    """Keeps the state folder in order."""

    def __init__(
        self,
        context: Context,
        link: Link,
        told: Told,
        heartbeats: Heartbeats,
        runners: Callable[[], list[Runner]],
    ) -> None:
        self._context = context
        self._link = link
        self._told = told
        self._heartbeats = heartbeats
        self._runners = runners

    async def loop(self) -> None:
        """Look after everything again and again."""
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            for runner in self._runners():
                await runner.rotate_logs()
            await self._keys_forget()
            await self._status_write()

    async def _keys_forget(self) -> None:
        """Forget sealing keys from before a rotation once nothing here needs them: the bundle alone does not say it."""
        sealing, layout = self._context.identity.sealing, self._context.layout
        # Before it has looked, a runner cannot say what its engines need.
        if not sealing.old or not all(runner.ready.is_set() for runner in self._runners()):
            return
        try:
            needed = await asyncio.to_thread(named_on_disk, layout, sealing.old)
            bundle = self._link.bundle
            ordered = (
                {secret.key for each in bundle.pipelines for secret in each.secrets} if bundle else set()
            )
            held = {s.key for runner in self._runners() for spec in runner.specs() for s in spec.secrets}
            # As long as the control plane has sealed nothing to the new key, it may not know it.
            if ordered - sealing.old:
                sealing.forget(needed | ordered | held)
        except OSError as error:
            _log.warning("old sealing keys are kept: %s", error.strerror)

    async def _status_write(self) -> None:
        enrolment = self._context.enrolment
        status = Status(
            at=now_ms(),
            version=__version__,
            url=self._context.settings.url,
            node=enrolment.node_id if enrolment else "",
            name=enrolment.name if enrolment else "",
            revoked=self._link.revoked,
            problems=self._told.current(),
            heartbeat=self._heartbeats.last,
        )
        data = msgspec.json.encode(status)
        try:
            await asyncio.to_thread(write_atomic, self._context.layout.status, data, sync=False)
        except OSError as error:
            self._told.warn("state folder", f"cannot be written: {error.strerror}")
        else:
            self._told.well("state folder", "can be written again")
