"""`vault.jobs`: what is due or has ended is recorded once."""

import datetime as dt

from packages.server.tests.vault.papers import authority, leaf, pem_of

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.vault.jobs import remind
from vectorflow.vault.pem import read_chain
from vectorflow.vault.types import SecretSettings

NOW = dt.datetime.now(dt.UTC)


async def test_states_are_listed_filtered_and_told_once(  # noqa: PLR0917 - fixtures
    app, vault, new_place, database_url, state_dir, signer
) -> None:
    place = await new_place()
    wanted = {
        "fresh": SecretSettings(rotate_days=30, expires_at=NOW + dt.timedelta(days=100)),
        "soon": SecretSettings(expires_at=NOW + dt.timedelta(days=3)),
        "gone": SecretSettings(expires_at=NOW - dt.timedelta(days=1)),
        "old": SecretSettings(rotate_days=30),
    }
    ca, key = authority()
    ending, _ = leaf(ca, key, days=2)
    async with app.transaction(place.organization_id) as txn:
        for name, settings in wanted.items():
            await vault.create(txn, SYSTEM, place.environment_id, name, "v", settings=settings)
        chain = read_chain(pem_of(ending))
        await vault.certificates.create(txn, SYSTEM, place.environment_id, name="web", chain=chain)
        await txn.execute("update secrets set value_set_at = now() - interval '31 days' where name = 'old'")
    async with app.transaction(place.organization_id) as txn:
        states = {
            each.secret.name: each.secret.state for each in await vault.secrets(txn, place.environment_id)
        }
        due = [each.secret.name for each in await vault.secrets(txn, place.environment_id, state="due")]
    assert states == {"fresh": "ok", "soon": "due", "gone": "expired", "old": "due"}
    assert due == ["old", "soon"]
    worker = Database(
        role_url(database_url, Role.WORKER, state_dir), signer, size=2, audit_sink=AuditAppender()
    )
    await worker.open()
    try:
        assert await remind(worker) >= 4
        async with app.transaction(place.organization_id) as txn:
            told = await txn.value(
                "select array_agg(action || ' ' || (after ->> 'name') order by sequence) from audit_records"
                " where action like '%%due' or action like '%%expired'"
            )
        assert sorted(told) == [
            "certificate.due web",
            "secret.due old",
            "secret.due soon",
            "secret.expired gone",
        ]
        assert await remind(worker) == 0
    finally:
        await worker.close()
