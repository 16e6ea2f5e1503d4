"""The SQL of keys that organisations bring, and of rotations that people ask for."""

from collections.abc import Sequence
from uuid import UUID

from vectorflow.keys.store.signing_keys import swap_parameters, version_bytes
from vectorflow.keys.types import OwnKey, Resealed, RotationRequest, SealedValue
from vectorflow.platform.database import Transaction


async def organization_plan(txn: Transaction) -> str | None:
    """Return the organisation's plan."""
    plan = await txn.value("select plan from organizations where id = %(organization_id)s")
    return None if plan is None else str(plan)


async def own_key_insert(txn: Transaction, key: OwnKey, created_by: UUID | None) -> bool:
    """Store a key that somebody named; False when another naming is under way."""
    return (
        await txn.execute(
            """insert into customer_keys
              (organization_id, id, kind, place, role_arn, external_id, nonce, credential, created_by)
            values (%(organization_id)s, %(id)s, %(kind)s, %(place)s, %(role_arn)s, %(external_id)s, %(nonce)s,
              %(credential)s, %(created_by)s)
            on conflict do nothing""",
            {
                "id": key.id,
                "kind": key.kind,
                "place": key.place,
                "role_arn": key.role_arn,
                "external_id": key.external_id,
                "nonce": key.nonce,
                "credential": key.credential,
                "created_by": created_by,
            },
        )
        == 1
    )


async def own_key_get(txn: Transaction, key_id: UUID) -> OwnKey | None:
    """Return a key by its id."""
    return await txn.row(
        OwnKey,
        """select id, kind, place, role_arn, external_id, nonce, credential, state, created_at, activated_at, ended_at
        from customer_keys where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": key_id},
    )


async def own_key_of_state(txn: Transaction, state: str) -> OwnKey | None:
    """Return the key that is named, or the one that is active; there is one of each at most."""
    return await txn.row(
        OwnKey,
        """select id, kind, place, role_arn, external_id, nonce, credential, state, created_at, activated_at, ended_at
        from customer_keys where organization_id = %(organization_id)s and state = %(state)s
        order by created_at desc limit 1""",
        {"state": state},
    )


async def own_key_activate(txn: Transaction, key_id: UUID) -> bool:
    """Make a named key the one that wraps; False when it is not named any more."""
    await txn.execute(
        """update customer_keys set state = 'ended', ended_at = now()
        where organization_id = %(organization_id)s and state = 'active'
          and exists (select 1 from customer_keys n
            where n.organization_id = %(organization_id)s and n.id = %(id)s and n.state = 'named')""",
        {"id": key_id},
    )
    return (
        await txn.execute(
            """update customer_keys set state = 'active', activated_at = now()
            where organization_id = %(organization_id)s and id = %(id)s and state = 'named'""",
            {"id": key_id},
        )
        == 1
    )


async def own_key_end(txn: Transaction, key_id: UUID) -> bool:
    """End a key, so that it wraps nothing any more; False when it has ended already."""
    return (
        await txn.execute(
            """update customer_keys set state = 'ended', ended_at = now()
            where organization_id = %(organization_id)s and id = %(id)s and state <> 'ended'""",
            {"id": key_id},
        )
        == 1
    )


async def own_key_credential_batch(
    txn: Transaction, after: UUID, limit: int, version: int | None = None
) -> list[SealedValue]:
    """Return sealed credentials by row id, of one version of the platform's key or of all."""
    return await txn.rows(
        SealedValue,
        """select id, 1 as row_version, credential as value from customer_keys
        where organization_id = %(organization_id)s and id > %(after)s and credential is not null
          and (%(version)s::bytea is null or substring(credential from 2 for 4) = %(version)s)
        order by id limit %(limit)s""",
        {"after": after, "limit": limit, "version": version_bytes(version)},
    )


async def own_key_credential_swap(txn: Transaction, values: Sequence[Resealed]) -> int:
    """Replace credentials that are still the old ciphertexts."""
    return await txn.execute(
        """update customer_keys k set credential = n.new
        from unnest(%(ids)s::uuid[], %(old)s::bytea[], %(new)s::bytea[]) as n (id, old, new)
        where k.organization_id = %(organization_id)s and k.id = n.id and k.credential = n.old""",
        swap_parameters(values),
    )


async def rotation_request_insert(txn: Transaction, request_id: UUID, requested_by: UUID | None) -> bool:
    """Ask for a rotation; False when one is asked for already."""
    return (
        await txn.execute(
            """insert into data_key_rotations (organization_id, id, requested_by)
            values (%(organization_id)s, %(id)s, %(requested_by)s) on conflict do nothing""",
            {"id": request_id, "requested_by": requested_by},
        )
        == 1
    )


async def rotation_request_newest(txn: Transaction) -> RotationRequest | None:
    """Return the rotation that was asked for last."""
    return await txn.row(
        RotationRequest,
        """select id, requested_at, done_at, resealed from data_key_rotations
        where organization_id = %(organization_id)s order by requested_at desc, id desc limit 1""",
    )


async def rotation_request_done(txn: Transaction, request_id: UUID, resealed: int) -> None:
    """Note that a rotation was done (role signer only)."""
    await txn.execute(
        """update data_key_rotations set done_at = now(), resealed = %(resealed)s
        where organization_id = %(organization_id)s and id = %(id)s and done_at is null""",
        {"id": request_id, "resealed": resealed},
    )
