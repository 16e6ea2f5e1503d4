"""The link to the control plane: polling the desired state, listening for hints.

Whatever the gateway answers, or if nothing: what runs goes on. Failures are told at a limited rate
and tried again with pauses that grow, each with jitter.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from vectorflow_agent.shell.client import DesiredUnusable, Fetched, Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import read_optional, write_atomic
from vectorflow_agent.shell.enrolling import Enrolling, EnrolmentFailed
from vectorflow_agent.shell.identity import (
    Enrolment,
    enrolment_read,
    enrolment_write,
)
from vectorflow_agent.shell.pauses import varied
from vectorflow_agent.shell.told import Told
from vectorflow_wire import envelope, keys, messages
from vectorflow_wire.bundles import Bundle, DesiredAnswer
from vectorflow_wire.statements import ARGUMENTS
from vectorflow_wire.verify import BundleRefused, Trust, verify_bundle

_log = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_REFUSED_PAUSE: Final = 60.0


class Link:
    """Keeps in touch with the gateway."""

    def __init__(
        self,
        context: Context,
        gateway: Gateway,
        told: Told,
        *,
        apply: Callable[[Bundle], Awaitable[None]],
        refuse: Callable[[BundleRefused | keys.KeyListRefused, str], Awaitable[None]],
        obey: Callable[[envelope.Envelope], None] = lambda _: None,
    ) -> None:
        self._context = context
        self._gateway = gateway
        self._told = told
        self._enrolling = Enrolling(context, gateway, told)
        self._apply = apply
        self._refuse = refuse
        self._obey = obey
        self._poll_now = asyncio.Event()
        self._etag = ""
        self._keys: keys.KeyList | None = None
        self.intervals = messages.Intervals()
        self.bundle: Bundle | None = None
        self.connected = False
        self.revoked = False
        self.poll_errors = 0
        self.enrolled = asyncio.Event()
        self.polled = asyncio.Event()  # set once the desired state was answered and could be believed
        self.beat_now = asyncio.Event()
        """Set when a heartbeat should not wait for its interval: after enrolment, or a new interval."""

    async def boot(self) -> Bundle | None:
        """Who this node is and its last good bundle, from disk alone; None without one."""
        context = self._context
        context.enrolment = await asyncio.to_thread(enrolment_read, context.layout)
        if context.enrolment is None:
            return None
        self.enrolled.set()
        self.intervals = context.enrolment.intervals
        stored = await asyncio.to_thread(read_optional, context.layout.desired)
        if stored is None:
            return None
        try:
            bundle, self._keys = self._verified(stored, now=None)
        except (BundleRefused, keys.KeyListRefused, msgspec.MsgspecError) as error:
            self._told.warn("stored bundle", f"it is not used: {error}")
            return None
        self._accepted(bundle)
        return bundle

    def hint(self, generation: int, issue: int) -> None:
        """The gateway said which desired state it has; fetch it if it is another one."""
        if (generation, issue) != self._context.order:
            self._poll_now.set()

    def ask_now(self) -> None:
        """Ask for the desired state without waiting for the interval."""
        self._poll_now.set()

    async def forget(self) -> None:
        """Remove the bundle with its sealed secrets, and ask for it anew; what was accepted before still counts."""
        if self.bundle is not None:
            bare = tuple(msgspec.structs.replace(each, secrets=()) for each in self.bundle.pipelines)
            self.bundle = msgspec.structs.replace(self.bundle, pipelines=bare)
        if self._context.layout.desired.exists():
            await asyncio.to_thread(self._context.layout.desired.unlink, missing_ok=True)
            self._etag = ""
            self._poll_now.set()

    @property
    def trust(self) -> Trust | None:
        """Whom this node believes now; None before the first list of keys."""
        return Trust(keys=self._keys) if self._keys is not None else None

    async def fetch(self, sha256: str) -> bytes:
        """A file of the current bundle. Raises GatewayError."""
        return await self._gateway.file(self.token(), sha256)

    def token(self) -> str:
        """The node token. Raises GatewayError before enrolment."""
        if self._context.enrolment is None:
            raise GatewayError("this node is not enrolled yet")
        return self._context.enrolment.node_token

    async def poll_loop(self) -> None:
        """Enrol if need be, then ask for the desired state again and again."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if self._context.enrolment is None or (self.revoked and self._enrolling.may_again()):
                    await self._enrol()
                await self._poll()
            except EnrolmentFailed as error:
                self._told.warn("enrolment", str(error))
                pause = _REFUSED_PAUSE if error.slow else min(pause * 2, _LONGEST_PAUSE)
                await self._pause(pause)
            except GatewayError as error:
                self.poll_errors += 1
                self._problem(error)
                pause = _REFUSED_PAUSE if self.revoked else min(pause * 2, _LONGEST_PAUSE)
                # Not even a hint shortens the time that the gateway asked for.
                patience = error.patience()
                await asyncio.sleep(patience)
                await self._pause(max(pause - patience, 0.0))
            else:
                self.revoked = False
                pause = _FIRST_PAUSE / 2
                self._told.well("gateway", "answers again")
                await self._pause(self.intervals.poll_seconds)

    async def stream_loop(self) -> None:
        """Listen for hints, and listen again when the stream ends."""
        pause, patience = _FIRST_PAUSE, 0.0
        while True:
            await self.enrolled.wait()
            try:
                async with self._gateway.stream(self.token()) as hints:
                    self.connected, patience = True, 0.0
                    # What changed while nobody listened is found by asking.
                    self._poll_now.set()
                    async for name, data in hints:
                        pause = _FIRST_PAUSE
                        self._hinted(name, data)
            except GatewayError as error:
                patience = error.patience()
                _log.debug("the stream of hints is not there: %s", error)
            finally:
                self.connected = False
            # All agents of a gateway that ended notice in one moment; they must not come back in one.
            await asyncio.sleep(max(varied(pause, 0.5, 0.5), patience))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _poll(self) -> None:
        self._poll_now.clear()
        try:
            fetched = await self._gateway.desired(self.token(), self._etag)
        except DesiredUnusable as error:
            await self._refuse(error.refusal, error.etag)
            raise
        if fetched is None:
            self.polled.set()
            return
        try:
            bundle, key_list = self._verified(fetched.body, now=now_ms())
        except (BundleRefused, keys.KeyListRefused) as error:
            self._told.warn("bundle", f"refused, what runs goes on: {error}")
            await self._refuse(error, fetched.etag)
            return
        await self._context.contact.heard(bundle, key_list.version)
        if not self._context.contact.over:
            await self._keep(fetched)
        self._keys = key_list
        self.polled.set()
        self._told.well("bundle", "accepted")
        self._accepted(bundle)
        await self._apply(bundle)

    async def _keep(self, fetched: Fetched) -> None:
        try:
            await asyncio.to_thread(write_atomic, self._context.layout.desired, fetched.body)
        except OSError as error:
            # Applied all the same: running the newest state beats remembering it.
            self._told.warn("state folder", f"the bundle cannot be kept: {error.strerror}")
        else:
            self._told.well("state folder", "can be written again")

    def _accepted(self, bundle: Bundle) -> None:
        self._context.identity.sealing.used({s.key for each in bundle.pipelines for s in each.secrets})
        self.bundle = bundle
        self._context.order = bundle.order
        self._etag = bundle.etag

    def _verified(self, body: bytes, *, now: int | None) -> tuple[Bundle, keys.KeyList]:
        enrolment = self._context.enrolment
        if enrolment is None:
            raise BundleRefused("this node is not enrolled")
        answer = msgspec.json.decode(body, type=DesiredAnswer)
        key_list = self._key_list(bytes(answer.keys), enrolment, now)
        node, before = enrolment.node_id, self.bundle
        held = before.order if before and before.node == node else self._context.contact.least(node)
        bundle = verify_bundle(
            bytes(answer.bundle),
            trust=Trust(keys=key_list),
            node=node,
            organization=enrolment.organization,
            last=held,
            now=now,
        )
        return bundle, key_list

    def _key_list(self, data: bytes, enrolment: Enrolment, now: int | None) -> keys.KeyList:
        held = self._keys.version if self._keys and self._keys.organization == enrolment.organization else 0
        held = max(held, self._context.contact.least_keys(enrolment.node_id))
        return keys.key_list_verify(
            data,
            root_public=enrolment.root_public,
            organization=enrolment.organization,
            last_version=held,
            now=now,
        )

    def _hinted(self, name: str, data: str) -> None:
        try:
            if name == "desired":
                hint = msgspec.json.decode(data, type=messages.DesiredHint)
                self.hint(hint.generation, hint.issue)
            elif name == "intervals":
                self.take_intervals(msgspec.json.decode(data, type=messages.Intervals))
            elif name in ARGUMENTS:
                self._obey(msgspec.json.decode(data, type=envelope.Envelope))
        except msgspec.MsgspecError:
            # A hint that cannot be read is still a hint that something is new.
            self._poll_now.set()

    def take_intervals(self, intervals: messages.Intervals | None) -> None:
        """How often to speak, as the gateway wants it, within reason."""
        if intervals is None:
            return
        sensible = messages.Intervals(
            heartbeat_seconds=min(max(intervals.heartbeat_seconds, 0.2), 300.0),
            poll_seconds=min(max(intervals.poll_seconds, 0.2), 300.0),
        )
        if sensible.heartbeat_seconds < self.intervals.heartbeat_seconds:
            self.beat_now.set()
        self.intervals = sensible

    def _problem(self, error: GatewayError) -> None:
        if error.unauthorized:
            self.revoked = True
            self._told.warn(
                "gateway",
                "this node's token is not accepted (revoked?); what runs goes on. "
                "To enrol again, set a new enrolment token",
            )
        else:
            self._told.warn("gateway", f"{error}; what runs goes on")

    async def _enrol(self) -> None:
        context = self._context
        enrolment = await self._enrolling.enrol()
        await asyncio.to_thread(enrolment_write, context.layout, enrolment)
        if context.enrolment is None or context.enrolment.node_id != enrolment.node_id:
            self._etag, self._keys = "", None
        context.enrolment = enrolment
        self.revoked = False
        self.take_intervals(enrolment.intervals)
        self.enrolled.set()
        self.beat_now.set()
        self._told.well("enrolment", "done")
        _log.info("enrolled as node %s", enrolment.node_id)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(varied(seconds)):
                await self._poll_now.wait()
        except TimeoutError:
            pass
