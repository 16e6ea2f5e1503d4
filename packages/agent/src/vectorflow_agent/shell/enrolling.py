"""Enrolling this machine: the token it does so with, the proof of who it was, and what of the answer is believed."""

import asyncio
import logging

import msgspec

from vectorflow_agent import __version__
from vectorflow_agent.settings import SettingsInvalid, enrolment_token
from vectorflow_agent.shell.client import Gateway, GatewayError
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.engines import EngineMissing
from vectorflow_agent.shell.identity import (
    Enrolment,
    node_before,
    platform_facts,
    reported_facts,
    token_digest,
)
from vectorflow_agent.shell.told import Told
from vectorflow_wire import envelope, keys, messages, tokens
from vectorflow_wire.encoding import EncodingInvalid
from vectorflow_wire.renewal import ReattachClaim, reattach_signed

_log = logging.getLogger(__name__)


class EnrolmentFailed(Exception):
    """The machine could not be enrolled; the message says what to do. `slow`: trying soon is no use."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class Enrolling:
    """Asks to be enrolled; whoever calls keeps what comes of it."""

    def __init__(self, context: Context, gateway: Gateway, told: Told) -> None:
        self._context = context
        self._gateway = gateway
        self._told = told

    async def enrol(self) -> Enrolment:
        """Enrol with the token that is set, and check the answer. Raises EnrolmentFailed."""
        token = self._token()
        return self._believed(await self._asked(token), token)

    def may_again(self) -> bool:
        """Whether another enrolment token is set than the one of before: after a revocation only that enrols again."""
        enrolment = self._context.enrolment
        if enrolment is None:
            return False
        try:
            token = enrolment_token(self._context.settings)
        except SettingsInvalid:
            return False
        return bool(token) and token_digest(token) != enrolment.token_digest

    def _token(self) -> str:
        try:
            token = enrolment_token(self._context.settings)
        except SettingsInvalid as error:
            raise EnrolmentFailed(str(error)) from error
        if not token:
            raise EnrolmentFailed(
                "this node is not enrolled and has no enrolment token: set VECTORFLOW_ENROLMENT_TOKEN_FILE"
            )
        try:
            tokens.parse(token, prefixes={tokens.ENROLMENT})
        except tokens.TokenInvalid:
            raise EnrolmentFailed(
                "the enrolment token was mistyped or cut: copy it again, whole (it starts with vfe_)",
                slow=True,
            ) from None
        return token

    async def _asked(self, token: str) -> messages.EnrollAnswer:
        context = self._context
        try:
            engine = (await context.engine()).facts
        except EngineMissing as error:
            self._told.warn("engine", str(error))
            engine = messages.EngineFacts()
        request = messages.EnrollRequest(
            machine_id=context.identity.machine_id,
            hostname=context.settings.host_name,
            agent_version=__version__,
            keys=context.identity.public,
            platform=platform_facts(),
            facts=await asyncio.to_thread(reported_facts),
            engine=engine,
            previous_node_token=context.enrolment.node_token if context.enrolment else None,
            proof=await self._proof(token),
        )
        try:
            return await self._gateway.enroll(token, request)
        except GatewayError as error:
            if error.status in {400, 401, 403, 404, 410, 422}:
                raise EnrolmentFailed(
                    f"the enrolment token was not accepted ({error}): it may be expired, used up or revoked; "
                    "make a new one, and check that VECTORFLOW_URL is this organisation's",
                    slow=True,
                ) from error
            raise EnrolmentFailed(str(error)) from error

    async def _proof(self, token: str) -> envelope.Envelope | None:
        """Proof of having been a node before, when the token of that time is lost but its key is not."""
        context = self._context
        node = "" if context.enrolment else node_before(context.layout)
        if not node:
            return None
        try:
            challenge = await self._gateway.challenge(token, node)
        except GatewayError as error:
            _log.info("no proof of the node before: %s", error)
            return None
        public = context.identity.public
        claim = ReattachClaim(
            node=node, nonce=challenge.nonce, identity=public.identity, sealing=public.sealing
        )
        return reattach_signed(claim, context.identity.signer)

    def _believed(self, answer: messages.EnrollAnswer, token: str) -> Enrolment:
        """Check the answer before anything of it is kept."""
        fingerprint = self._context.settings.root_fingerprint
        try:
            root = keys.public_key(answer.root_key)
            if fingerprint and not keys.fingerprint_matches(root, fingerprint):
                raise EnrolmentFailed(
                    "the gateway's root key does not have the fingerprint in VECTORFLOW_ROOT_FINGERPRINT: "
                    "this may be another control plane, or someone between; nothing was kept",
                    slow=True,
                )
            keys.key_list_verify(
                answer.key_list.encoded(),
                root_public=root,
                organization=answer.organization,
                last_version=0,
                now=now_ms(),
            )
            tokens.parse(answer.node_token, prefixes={tokens.NODE})
        except (keys.KeyListRefused, EncodingInvalid, tokens.TokenInvalid) as error:
            raise EnrolmentFailed(f"the gateway's answer cannot be believed: {error}", slow=True) from error
        return Enrolment(
            node_id=answer.node_id,
            node_token=answer.node_token,
            organization=answer.organization,
            environment=answer.environment,
            root_key=answer.root_key,
            key_list=msgspec.Raw(answer.key_list.encoded()),
            token_digest=token_digest(token),
            name=answer.name,
            token_since=now_ms(),
            intervals=answer.intervals,
        )
