"""New tokens and sealing keys every 30 days, with an overlap; and proof of who this node was."""

import asyncio
import logging
from typing import Final

import msgspec

from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.identity import enrolment_write
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.pauses import varied
from vectorflow_wire import tokens
from vectorflow_wire.renewal import (
    ROTATE_AFTER_SECONDS,
    RotateRequest,
    RotationClaim,
    rotation_signed,
    token_claimed,
)

_log = logging.getLogger(__name__)
_DAY_SECONDS: Final = 24 * 3600.0
_CONFLICT: Final = 409


class Renewing:
    """Asks for a new node token, and sends a new sealing key with it, when the old ones are old enough."""

    def __init__(self, context: Context, gateway: Gateway, link: Link, *, look_seconds: float) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self._look_seconds = look_seconds

    async def loop(self) -> None:
        """Look every hour whether it is time."""
        while True:
            await self._link.enrolled.wait()
            pause = self._look_seconds
            try:
                if self._due():
                    await self._renew()
            except GatewayError as error:
                _log.info("no new token yet: %s", error)
                if error.status == _CONFLICT:
                    # Another machine goes on with this identity; people see that, and we go on as we are.
                    pause = _DAY_SECONDS
            except OSError as error:
                _log.warning("no new token: its place on disk cannot be written: %s", error.strerror)
            await asyncio.sleep(varied(pause, 0.1, 0.1))

    def _due(self) -> bool:
        enrolment = self._context.enrolment
        if enrolment is None or self._link.revoked:
            return False
        return now_ms() - enrolment.token_since >= enrolment.rotate_after_seconds * 1000

    async def _renew(self) -> None:
        context, enrolment = self._context, self._context.enrolment
        if enrolment is None:
            return
        # On disk before it is sent: a secret sealed to a key that was lost could never be opened.
        public = await asyncio.to_thread(context.identity.sealing.prepare_next)
        claim = RotationClaim(
            organization=enrolment.organization,
            node=enrolment.node_id,
            token=token_claimed(tokens.parse(enrolment.node_token)),
            at=now_ms(),
            sealing=public,
        )
        request = RotateRequest(claim=rotation_signed(claim, context.identity.signer))
        answer = await self._gateway.rotate(enrolment.node_token, request)
        renewed = msgspec.structs.replace(
            enrolment,
            node_token=answer.node_token,
            token_since=now_ms(),
            rotate_after_seconds=answer.rotate_after_seconds or ROTATE_AFTER_SECONDS,
        )
        await asyncio.to_thread(enrolment_write, context.layout, renewed)
        context.enrolment = renewed
        await asyncio.to_thread(context.identity.sealing.promote)
        _log.info("this node has a new token and a new sealing key")
