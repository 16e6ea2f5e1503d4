"""The running graph: start, stop, and change it while it runs.

Sources push batches through transforms (in the source's own task) into the buffers of sinks; each sink
runs in a task of its own. A full buffer therefore holds its source back, and nothing in between can grow.
"""

import asyncio
import contextlib
from functools import partial
from typing import cast

from vectorflow_engine import catalogue
from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Consumer, Output, Sink, Source, StartError, Transform
from vectorflow_engine.config.graph import DEFAULT_PORT, Port
from vectorflow_engine.config.model import ComponentConfig
from vectorflow_engine.log import logger
from vectorflow_engine.metrics import Registry
from vectorflow_engine.nodes import SinkNode, TransformNode
from vectorflow_engine.plan import Plan
from vectorflow_engine.taps import TapBook, Watched

_CHANGE_SECONDS = 30.0


class Running:
    """Everything that runs for one plan."""

    def __init__(self, plan: Plan, registry: Registry) -> None:
        self.plan = plan
        self._registry = registry
        self.sources: dict[str, Source] = {}
        self.transforms: dict[str, TransformNode] = {}
        self.sinks: dict[str, SinkNode] = {}
        self.taps = TapBook()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.crashed: asyncio.Event = asyncio.Event()
        self.finished: asyncio.Event = asyncio.Event()

    # Start

    async def start(self) -> None:
        """Start all of it; raises `StartError`, with nothing left behind."""
        try:
            await self._add(list(self.plan.config.components.values()))
        except BaseException:
            await self.abandon()
            raise

    async def _add(self, components: list[ComponentConfig]) -> None:
        """Build, open and wire components, then let them run."""
        for component in components:
            self._build(component)
        added = {component.id for component in components}
        for name in sorted(added & self.sinks.keys()):
            await _opened(self.sinks[name].sink)
        self._wire()
        for name in sorted(added & self.sources.keys()):
            await _opened(self.sources[name])
        for name in added & self.sinks.keys():
            node = self.sinks[name]
            node.start()
            cast("asyncio.Task[None]", node.task).add_done_callback(partial(self._sink_ended, node))
        for name in added & self.sources.keys():
            task = asyncio.create_task(self.sources[name].run(), name=f"source {name}")
            self._tasks[name] = task
            task.add_done_callback(self._source_ended)

    def _build(self, component: ComponentConfig) -> None:
        made = catalogue.build(component, self.plan.context(component, self._registry))
        shape = catalogue.shape_of(component)
        if isinstance(made, Source):
            self.sources[component.id] = made
        elif isinstance(made, Transform):
            self.transforms[component.id] = TransformNode(made, shape.ports, shape.accepts)
        else:
            self.sinks[component.id] = self._sink_node(component, made, shape.accepts)

    def _sink_node(self, component: ComponentConfig, sink: Sink, accepts: frozenset[str]) -> SinkNode:
        table = catalogue.buffer_of(component)
        buffer = Buffer(
            sink.meter,
            max_events=table.max_events,
            when_full="drop_newest" if table.when_full == "drop_newest" else "block",
        )
        acknowledges = catalogue.acknowledges(component, self.plan.config.globals)
        return SinkNode(sink, buffer, accepts, acknowledges=acknowledges)

    def _wire(self) -> None:
        """Connect every port to its consumers, and tell sources whether anybody acknowledges."""
        consumers: dict[str, Consumer] = {**self.transforms, **self.sinks}

        def connect(output: Output, port: Port) -> None:
            output.consumers = tuple(consumers[name] for name in self.plan.graph.consumers(port))

        for name, source in self.sources.items():
            connect(source.output, Port(name, DEFAULT_PORT))
            source.acknowledge = any(
                self.sinks[below].acknowledges for below in self._below(name) if below in self.sinks
            )
        for name, node in self.transforms.items():
            for port, output in node.outputs.items():
                connect(output, Port(name, port))
        watched: list[Watched] = [source.output for source in self.sources.values()]
        watched += [output for node in self.transforms.values() for output in node.outputs.values()]
        self.taps.watch(watched)

    def _below(self, name: str) -> set[str]:
        found: set[str] = set()
        stack = [name]
        while stack:
            above = stack.pop()
            for consumer, ports in self.plan.graph.inputs.items():
                if consumer not in found and any(port.component == above for port in ports):
                    found.add(consumer)
                    stack.append(consumer)
        return found

    def _source_ended(self, task: asyncio.Task[None]) -> None:
        self._note_crash(task)
        if all(each.done() for each in self._tasks.values()):
            self.finished.set()

    def _sink_ended(self, node: SinkNode, task: asyncio.Task[None]) -> None:
        if self._note_crash(task):
            node.give_up()

    def _note_crash(self, task: asyncio.Task[None]) -> bool:
        crashed = not task.cancelled() and task.exception() is not None
        if crashed:
            logger.error(
                "An error occurred that could not be handled. component=%r",
                task.get_name(),
                exc_info=task.exception(),
            )
            self.crashed.set()
        return crashed

    # Stop

    async def stop(self, limit: float | None) -> bool:
        """Let everything in flight arrive, for at most ``limit`` seconds; False when that was too short."""
        try:
            async with asyncio.timeout(limit):
                await self._drain()
        except TimeoutError:
            names = [name for name, node in self.sinks.items() if node.task and not node.task.done()]
            logger.error("Failed to gracefully shut down in time. Killing components. components=%s", names)
            await self.abandon()
            return False
        return True

    async def _drain(self) -> None:
        for source in self.sources.values():
            source.stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._drain_sinks(list(self.sinks))
        for source in self.sources.values():
            await source.close()

    async def _drain_sinks(self, names: list[str]) -> None:
        nodes = [self.sinks[name] for name in names]
        for node in nodes:
            node.buffer.close()
        await asyncio.gather(*(node.task for node in nodes if node.task), return_exceptions=True)
        for node in nodes:
            await node.sink.close()

    async def abandon(self) -> None:
        """End at once; what is not acknowledged will be read again by whoever can."""
        tasks = [*self._tasks.values(), *(node.task for node in self.sinks.values() if node.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        components: list[Source | Sink] = [
            *self.sources.values(),
            *(node.sink for node in self.sinks.values()),
        ]
        for component in components:
            with contextlib.suppress(Exception):
                await component.close()

    # Change

    async def change(self, plan: Plan) -> None:
        """Go over to ``plan``: what did not change keeps running.

        Raises `StartError` when that failed and the old plan runs again; should the old one not start
        any more either, `crashed` is set as well.
        """
        old = self.plan
        try:
            await self._go_over(plan)
        except (StartError, TimeoutError) as error:
            reason = str(error) or "the running components did not stop in time"
            logger.error("Failed to reload; restoring the old configuration. error=%s", reason)
            try:
                await self._start_over(old)
            except StartError as again:
                self.crashed.set()
                raise StartError(f"the old configuration could not be restored: {again}") from None
            raise StartError(reason) from None

    async def _go_over(self, plan: Plan) -> None:
        before, after = self.plan.config.components, plan.config.components
        gone = {name for name, each in before.items() if after.get(name) != each}
        await self._remove_sources(gone & self.sources.keys())
        async with contextlib.AsyncExitStack() as gates:
            async with asyncio.timeout(_CHANGE_SECONDS):
                for source in self.sources.values():
                    await gates.enter_async_context(source.output.gate)
                await self._drain_sinks(list(gone & self.sinks.keys()))
            for name in gone:
                self.sinks.pop(name, None)
                self.transforms.pop(name, None)
                self._registry.forget(name)
            self.plan = plan
            await self._add([each for name, each in after.items() if name in gone or name not in before])
        self._look_whether_finished()

    async def _start_over(self, plan: Plan) -> None:
        """From nothing: what was in flight and not acknowledged is read again by its source."""
        await self.stop(_CHANGE_SECONDS)
        for name in (*self.sources, *self.transforms, *self.sinks):
            self._registry.forget(name)
        for components in (self.sources, self.transforms, self.sinks, self._tasks):
            components.clear()
        self.plan = plan
        await self.start()
        self._look_whether_finished()

    def _look_whether_finished(self) -> None:
        self.finished.clear()
        if all(task.done() for task in self._tasks.values()):
            self.finished.set()

    async def _remove_sources(self, names: set[str]) -> None:
        """Stop sources, and give what they sent time to be acknowledged, so that a successor starts after it."""
        for name in names:
            self.sources[name].stop()
        tasks = [self._tasks[name] for name in names if name in self._tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_CHANGE_SECONDS)
            for task in late:
                task.cancel()
        waited = 0.0
        while waited < _CHANGE_SECONDS and any(self.sources[name].unfinished for name in names):
            await asyncio.sleep(0.05)
            waited += 0.05
        for name in names:
            await self.sources.pop(name).close()
            self._tasks.pop(name, None)


async def _opened(component: Source | Sink) -> None:
    try:
        await component.open()
    except StartError as error:
        context = component.context
        raise StartError(
            f"{context.kind.capitalize()} `{context.id}` (type `{context.type}`): {error}"
        ) from None
