"""What the agent's parts share: settings, policy, places on disk, identity, the engine's program."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from vectorflow_agent.adopt.taking import Adopting
from vectorflow_agent.core.offline import without_secrets
from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.confinement import Confiner
from vectorflow_agent.shell.contact import ContactBook
from vectorflow_agent.shell.disk import Layout, read_known
from vectorflow_agent.shell.engines import Chosen, Engine, clean_environment, engine_find
from vectorflow_agent.shell.identity import Enrolment, Identity
from vectorflow_agent.shell.loopback import Loopback
from vectorflow_agent.shell.spool import Spool
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import EngineFacts

_PORT_TRIES: Final = 256


class PortsTaken(Exception):
    """No port of the loopback address is free for the engine's API and metrics: end what holds them."""


class Ports:
    """Free ports on the loopback address, none given out twice."""

    def __init__(self) -> None:
        self.taken: set[int] = set()

    def take(self, remembered: tuple[int, int] = (0, 0)) -> tuple[int, int]:
        """Two ports that are free now and stay ours until they are given back; the remembered ones if they are free.

        Raises PortsTaken.
        """
        first = self._found(remembered[0], self.taken)
        second = self._found(remembered[1], {*self.taken, first})
        self.taken |= {first, second}
        return first, second

    def _found(self, remembered: int, taken: set[int]) -> int:
        for wanted in (remembered, *[0] * _PORT_TRIES):
            port = 0 if wanted in taken else _free(wanted)
            if port and port not in taken:
                return port
        raise PortsTaken(PortsTaken.__doc__)

    def keep(self, *ports: int) -> None:
        """Note ports that an adopted engine uses."""
        self.taken.update(ports)

    def give_back(self, *ports: int) -> None:
        """Ports that no engine uses any more."""
        self.taken.difference_update(ports)


def _free(wanted: int) -> int:
    """The wanted port, or any if that is 0, when it can be listened on; else 0."""
    with socket.socket() as probe:
        # As engines do: connections of the one before may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
        port: int = probe.getsockname()[1]
        return port


class Context:
    """Shared by all runners and loops of one agent."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        *,
        identity: Identity,
        runtime: Path,
        spool: Spool,
        fetch: Callable[[str], Awaitable[bytes]],
        confiner: Confiner,
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.layout = Layout(settings.state)
        self.identity = identity
        self.contact = ContactBook(self.layout, identity.sealing)
        self.runtime = runtime
        self.spool = spool
        self.fetch = fetch
        self.confiner = confiner
        self.loopback = Loopback()
        self.ports = Ports()
        self.adopting = Adopting(settings, policy)
        confiner.taken = self.adopting.account
        self.enrolment: Enrolment | None = None
        self.order: tuple[int, int] = (0, 0)
        """(generation, issue) of the bundle accepted last."""
        self.pinned: dict[str, Engine] = {}
        """Pipelines that try another engine while the engine is changed."""
        self._engine: Engine | None = None

    @property
    def programs(self) -> Path:
        """Where engines that updates brought lie: outside of the agent's own folder where engines have users."""
        state = self.settings.state
        return (
            state / "programs" if self.confiner.users is None else state.with_name(f"{state.name}-programs")
        )

    @property
    def engine_facts(self) -> EngineFacts:
        """The engine, as far as it is known."""
        return self._engine.facts if self._engine else EngineFacts()

    def adjusted(self, spec: BundlePipeline) -> BundlePipeline:
        """What a bundle says about a pipeline, as far as this node does not say otherwise."""
        spec = self.adopting.adjusted(spec)
        return without_secrets(spec) if spec.secrets and self.contact.over else spec

    def environment(self, pipeline: str) -> dict[str, str]:
        """The environment of a pipeline's engine."""
        return clean_environment(os.environ, self.policy) | self.adopting.environment(pipeline)

    async def engine(self, pipeline: str = "") -> Engine:
        """The engine's program, looked for again as long as it is missing. Raises EngineMissing.

        A pipeline may have one of its own for a moment.
        """
        if pipeline in self.pinned:
            return self.pinned[pipeline]
        if self._engine is None or not os.access(self._engine.binary, os.X_OK):
            self._engine = None
            chosen = await asyncio.to_thread(read_known, self.layout.engine, Chosen)
            self._engine = await engine_find(self.settings, chosen)
        return self._engine

    def engine_take(self, engine: Engine) -> None:
        """All pipelines run this engine from now on."""
        self._engine = engine
