"""What all protocols share: one recorded call with one deadline, and a socket to a vetted address."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vectorflow.platform.egress.connector import Connector
from vectorflow.platform.egress.destination import Destination
from vectorflow.platform.egress.errors import EgressTimedOut
from vectorflow.platform.egress.policy import EgressLimits, Kind
from vectorflow.platform.egress.record import Caller, Recorder
from vectorflow.platform.egress.vetting import Vetted, Vetter


class Dialer:
    """Dials for one caller, within that caller's limits."""

    def __init__(
        self, caller: Caller, vetter: Vetter, connector: Connector, recorder: Recorder, limits: EgressLimits
    ) -> None:
        self.limits = limits
        self._caller = caller
        self._vetter = vetter
        self._connector = connector
        self._recorder = recorder

    def deadline(self) -> float:
        """Return the moment, on the loop's clock, when a call that begins now has to be over."""
        return asyncio.get_running_loop().time() + self.limits.total_seconds

    @asynccontextmanager
    async def call(
        self, kind: Kind, destination: Destination, deadline: float | None = None
    ) -> AsyncIterator[None]:
        """Record the block as one call, and end it at the deadline however slowly the other side trickles."""
        moment = self.deadline() if deadline is None else deadline
        async with self._recorder.call(kind, self._caller, destination):
            scope = asyncio.timeout_at(moment)
            try:
                async with scope:
                    yield
            except TimeoutError:
                if not scope.expired():
                    raise
                raise EgressTimedOut(f"{destination.host} did not finish in time.") from None

    async def vet(self, kind: Kind, destination: Destination) -> Vetted:
        """Resolve a destination once and judge every address."""
        return await self._vetter.vet(kind, destination, self.limits)

    async def connect(self, vetted: Vetted) -> socket.socket:
        """Return a connected, non-blocking socket, which the caller owns."""
        return await self._connector.connect(vetted, self.limits)
