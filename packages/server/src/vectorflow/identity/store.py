"""Identity's only SQL: calls of the definer functions, each by one exact key."""

from datetime import datetime, timedelta
from uuid import UUID

from vectorflow.identity.types import (
    AccountToErase,
    ForgottenIn,
    OrganizationOfHolder,
    SessionListRow,
    SessionRow,
    SignInRow,
)
from vectorflow.platform.database import Transaction


async def account_create(
    txn: Transaction, account_id: UUID, email: str, name: str, password_hash: str
) -> None:
    """Insert an account."""
    await txn.execute(
        "select vf.account_create(%(id)s, %(email)s, %(name)s, %(password_hash)s)",
        {"id": account_id, "email": email, "name": name, "password_hash": password_hash},
    )


async def account_for_sign_in(txn: Transaction, email: str) -> SignInRow | None:
    """Return the account with exactly this address."""
    return await txn.row(
        SignInRow,
        "select id, email, name, password_hash from vf.account_for_sign_in(%(email)s)",
        {"email": email},
    )


async def session_open(
    txn: Transaction,
    *,
    session_id: UUID,
    token_hash: bytes,
    account_id: UUID,
    expires_at: datetime,
    user_agent: str | None,
    address: str | None,
    replaces: bytes | None,
) -> UUID | None:
    """Insert a session and end the one it replaces; return that one's id."""
    replaced = await txn.value(
        """select vf.session_open(%(id)s, %(token_hash)s, %(account_id)s, %(expires_at)s, %(user_agent)s,
                                  %(address)s, %(replaces)s)""",
        {
            "id": session_id,
            "token_hash": token_hash,
            "account_id": account_id,
            "expires_at": expires_at,
            "user_agent": user_agent,
            "address": address,
            "replaces": replaces,
        },
    )
    return replaced if isinstance(replaced, UUID) else None


async def session_by_hash(txn: Transaction, token_hash: bytes) -> SessionRow | None:
    """Return the live session with this token."""
    return await txn.row(
        SessionRow,
        """select id, account_id, email, name, created_at, last_seen_at, expires_at
           from vf.session_by_hash(%(hash)s)""",
        {"hash": token_hash},
    )


async def session_touch(txn: Transaction, token_hash: bytes) -> None:
    """Note that a session is being used, at most twice a minute."""
    await txn.execute("select vf.session_touch(%(hash)s)", {"hash": token_hash})


async def session_list(txn: Transaction, holder: bytes) -> list[SessionListRow]:
    """Return the live sessions of the holder's account, newest first."""
    return await txn.rows(
        SessionListRow,
        """select id, created_at, last_seen_at, expires_at, user_agent, address
           from vf.sessions_of_holder(%(hash)s)""",
        {"hash": holder},
    )


async def session_revoke(txn: Transaction, holder: bytes, session_id: UUID) -> bool:
    """End a session of the holder's account; False when there is no such one."""
    return bool(
        await txn.value("select vf.session_revoke(%(hash)s, %(id)s)", {"hash": holder, "id": session_id})
    )


async def organization_list(txn: Transaction, holder: bytes) -> list[OrganizationOfHolder]:
    """Return the organisations the holder is a member of."""
    return await txn.rows(
        OrganizationOfHolder,
        "select id, slug, name, role from vf.organizations_of_holder(%(hash)s)",
        {"hash": holder},
    )


async def sign_in_attempt(
    txn: Transaction,
    account_key: bytes,
    address_key: bytes,
    *,
    account_limit: int,
    address_limit: int,
    window: timedelta,
) -> int:
    """Count an attempt; return the seconds to wait, 0 when it may go on."""
    return int(
        await txn.value(
            """select vf.sign_in_attempt(%(account_key)s, %(address_key)s, %(account_limit)s, %(address_limit)s,
                                         %(length)s)""",
            {
                "account_key": account_key,
                "address_key": address_key,
                "account_limit": account_limit,
                "address_limit": address_limit,
                "length": window,
            },
        )
    )


async def sign_in_succeeded(txn: Transaction, account_key: bytes, address_key: bytes) -> None:
    """Take the successful attempt off the counters again."""
    await txn.execute(
        "select vf.sign_in_succeeded(%(account_key)s, %(address_key)s)",
        {"account_key": account_key, "address_key": address_key},
    )


async def account_to_erase(txn: Transaction, email: str) -> AccountToErase | None:
    """Return the account with exactly this address (role operator)."""
    return await txn.row(
        AccountToErase, "select id, alone from vf.account_to_erase(%(email)s)", {"email": email}
    )


async def organization_ids(txn: Transaction) -> list[UUID]:
    """Return every organisation (role operator)."""
    return await txn.rows_of_ids("select id from vf.organization_directory()")


async def person_erase(txn: Transaction, account_id: UUID) -> ForgottenIn:
    """Take a person out of the organisation in scope (role operator)."""
    found = await txn.row(
        ForgottenIn, "select places, known from vf.person_erase(%(account)s)", {"account": account_id}
    )
    return found or ForgottenIn(0, known=False)


async def account_erase(txn: Transaction, account_id: UUID, account_key: bytes) -> list[UUID]:
    """Take name, address and password from an account; return the sessions that ended (role operator)."""
    return await txn.rows_of_ids(
        "select id from vf.account_erase(%(account)s, %(key)s) as id",
        {"account": account_id, "key": account_key},
    )
