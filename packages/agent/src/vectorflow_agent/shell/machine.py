"""What the machine is, told again after the agent's start and when it changes: machines are upgraded and renamed."""

import asyncio
import logging
from typing import Final

from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.identity import platform_facts, reported_facts
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.pauses import varied
from vectorflow_wire.messages import Machine

_log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 6 * 3600.0
_AGAIN_SECONDS: Final = 600.0
_HEARTBEATS_SPREAD: Final = 4.0


def machine_now(host_name: str) -> Machine:
    """What the machine says of itself at this moment. Reads files, so not in the event loop."""
    return Machine(hostname=host_name, platform=platform_facts(), facts=reported_facts())


class MachineTeller:
    """Tells the gateway what the machine is, once after each start and after each change.

    Enrolment tells it too; this is for nodes that enrolled long ago. What cannot be told is told some minutes later.
    """

    def __init__(
        self, context: Context, gateway: Gateway, link: Link, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self._look_seconds = look_seconds
        self._told: Machine | None = None

    async def loop(self) -> None:
        """Look, tell what is new, and look again a few hours later."""
        await self._link.enrolled.wait()
        # A fleet that was switched on in one moment does not tell in one.
        await asyncio.sleep(
            varied(_HEARTBEATS_SPREAD * self._link.intervals.heartbeat_seconds, less=1, more=0)
        )
        while True:
            pause = self._look_seconds
            machine = await asyncio.to_thread(machine_now, self._context.settings.host_name)
            if machine != self._told:
                try:
                    await self._gateway.machine(self._link.token(), machine)
                    self._told = machine
                except GatewayError as error:
                    _log.debug("what the machine is was not told: %s", error)
                    pause = min(pause, _AGAIN_SECONDS)
            await asyncio.sleep(varied(pause))
