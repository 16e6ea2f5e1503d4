"""Signing in and out, one's own sessions, making accounts."""

import hashlib
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec
import psycopg
import structlog

from vectorflow.audit.service import append_platform, append_sign_in
from vectorflow.identity import store, tokens
from vectorflow.identity.errors import (
    AccountInvalidError,
    SessionNotFoundError,
    SignInFailedError,
    TooManyAttemptsError,
)
from vectorflow.identity.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, Passwords
from vectorflow.identity.sessions import SessionCache
from vectorflow.identity.types import (
    AccountInfo,
    LiveSession,
    Opened,
    OrganizationOfHolder,
    SessionListRow,
    SignInRow,
)
from vectorflow.kernel.actor import SYSTEM, Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Database, Transaction

log = structlog.get_logger()

SESSION_LIFETIME = timedelta(hours=12)


class SignInLimits(msgspec.Struct, frozen=True):
    """How many attempts within `window`; successful ones are taken off again."""

    per_account: int = 10
    per_address: int = 50
    window: timedelta = timedelta(minutes=15)


class IdentityService:
    """Accounts and their sessions."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        sessions: SessionCache,
        clock: Clock,
        *,
        limits: SignInLimits | None = None,
        on_revoked: Callable[[UUID], None] = lambda _session_id: None,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._clock = clock
        self._limits = limits or SignInLimits()
        self._on_revoked = on_revoked

    async def sign_in(
        self, email: str, password: str, *, address: str, user_agent: str | None, replaces: str | None
    ) -> Opened:
        """Open a session; the one whose token the request brought along ends.

        Raises `TooManyAttemptsError` and, alike for a wrong address and a wrong password, `SignInFailedError`.
        """
        email = normalize_email(email)
        keys = attempt_key("account", email), attempt_key("address", _network(address))
        await self._count_attempt(*keys, address)
        async with self._database.unscoped() as txn:
            account = await store.account_for_sign_in(txn, email)
        matches = await self._passwords.verify(account.password_hash if account else None, password)
        if account is None or not matches:
            if account is not None:
                async with self._database.unscoped() as txn:
                    await append_sign_in(txn, account.id, _sign_in_entry(account, address, None))
            log.info("sign-in.failed", address=address, account_id=str(account.id) if account else None)
            raise SignInFailedError
        opened = await self._open(account, keys, address=address, user_agent=user_agent, replaces=replaces)
        log.info("sign-in.succeeded", address=address, account_id=str(account.id))
        return opened

    async def sign_out(self, session: LiveSession) -> None:
        """End the session itself."""
        await self.revoke(session, session.id)

    async def revoke(self, holder: LiveSession, session_id: UUID) -> None:
        """End one of the holder's sessions, everywhere. Raises `SessionNotFoundError`."""
        async with self._database.unscoped() as txn:
            if not await store.session_revoke(txn, holder.token_hash, session_id):
                raise SessionNotFoundError
            await self._announce(txn, session_id)

    async def sessions(self, holder: LiveSession) -> list[SessionListRow]:
        """Return the holder's live sessions, newest first."""
        async with self._database.unscoped() as txn:
            return await store.session_list(txn, holder.token_hash)

    async def organizations(self, holder: LiveSession) -> list[OrganizationOfHolder]:
        """Return the organisations the holder is a member of."""
        async with self._database.unscoped() as txn:
            return await store.organization_list(txn, holder.token_hash)

    async def account_ensure(self, email: str, name: str, password: str) -> UUID:
        """Make an account, or find the one with this address, whose password then stays as it is.

        Raises `AccountInvalidError`.
        """
        email = normalize_email(email)
        _check_account(email, name, password)
        async with self._database.unscoped() as txn:
            existing = await store.account_for_sign_in(txn, email)
        if existing is not None:
            return existing.id
        digest = await self._passwords.hash(password)
        account_id = new_id()
        try:
            async with self._database.unscoped() as txn:
                await store.account_create(txn, account_id, email, name, digest)
                await append_platform(txn, _account_entry(account_id))
        except psycopg.errors.UniqueViolation:
            return await self.account_ensure(email, name, password)
        return account_id

    async def account_find(self, email: str) -> UUID | None:
        """Return the account with this address, if there is one that may sign in."""
        async with self._database.unscoped() as txn:
            found = await store.account_for_sign_in(txn, normalize_email(email))
        return found.id if found else None

    async def _count_attempt(self, account_key: bytes, address_key: bytes, address: str) -> None:
        async with self._database.unscoped() as txn:
            wait = await store.sign_in_attempt(
                txn,
                account_key,
                address_key,
                account_limit=self._limits.per_account,
                address_limit=self._limits.per_address,
                window=self._limits.window,
            )
        if wait > 0:
            log.warning("sign-in.limited", address=address)
            message = f"Too many attempts to sign in; try again in {wait} s."
            raise TooManyAttemptsError(message, headers={"Retry-After": str(wait)})

    async def _open(
        self,
        account: SignInRow,
        keys: tuple[bytes, bytes],
        *,
        address: str,
        user_agent: str | None,
        replaces: str | None,
    ) -> Opened:
        token = tokens.new_token()  # always a new one: what a browser was given before is never raised
        session = LiveSession(
            new_id(),
            AccountInfo(account.id, account.email, account.name),
            self._clock.now() + SESSION_LIFETIME,
            tokens.token_hash(token),
            tokens.csrf_token(token),
        )
        async with self._database.unscoped() as txn:
            replaced = await store.session_open(
                txn,
                session_id=session.id,
                token_hash=session.token_hash,
                account_id=account.id,
                expires_at=session.expires_at,
                user_agent=user_agent,
                address=address,
                replaces=tokens.token_hash(replaces) if replaces else None,
            )
            await store.sign_in_succeeded(txn, *keys)
            await append_sign_in(txn, account.id, _sign_in_entry(account, address, session.id))
            if replaced is not None:
                await self._announce(txn, replaced)
        return Opened(session, token)

    async def _announce(self, txn: Transaction, session_id: UUID) -> None:
        """Tell every process that a session ended: this one right after the commit, others over the bus."""

        def ended() -> None:
            self._sessions.forget(session_id)
            self._on_revoked(session_id)

        txn.after_commit(ended)
        await txn.notify(Topic.SESSION, {"session_id": session_id})


def normalize_email(email: str) -> str:
    """Return an address as it is stored and compared."""
    return email.strip().lower()


def _sign_in_entry(account: SignInRow, address: str, session_id: UUID | None) -> AuditEntry:
    """Return the record of a sign-in; without a session it was refused."""
    refused = session_id is None
    return AuditEntry(
        action=AuditAction.SESSION_REFUSED if refused else AuditAction.SESSION_OPENED,
        actor=Actor(ActorKind.ACCOUNT, account.name, account.id, session_id, address=address),
        object_type="session",
        object_id=str(session_id or account.id),
        summary="Refused to sign in: the password is wrong" if refused else "Signed in",
    )


def _account_entry(account_id: UUID) -> AuditEntry:
    return AuditEntry(
        action=AuditAction.ACCOUNT_CREATED,
        actor=SYSTEM,
        object_type="account",
        object_id=str(account_id),
        summary="Made an account",
    )


def _check_account(email: str, name: str, password: str) -> None:
    local, _, domain = email.partition("@")
    printable = email.isprintable() and " " not in email
    if not (local and domain and printable and len(email) <= 254 and 0 < len(name) <= 100):
        raise AccountInvalidError
    if len(password) < MIN_PASSWORD_CHARACTERS or len(password.encode()) > MAX_PASSWORD_BYTES:
        raise AccountInvalidError


def attempt_key(kind: str, value: str) -> bytes:
    """Return what attempts are counted under: never an address itself."""
    return hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "replace")).digest()


def _network(address: str) -> str:
    """Return what counts as one address: an IPv6 customer has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
