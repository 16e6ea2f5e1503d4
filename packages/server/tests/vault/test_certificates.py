"""`vault.certificates` and `vault.lending`: private keys by version, for the signer alone. Routes: tests/pipelines/test_lending.py."""

import psycopg
import pytest
from packages.server.tests.vault.papers import authority, leaf, pem_key, pem_of

from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.service import KeyService
from vectorflow.vault.certificates import GivenCertificate
from vectorflow.vault.lending import Lending

CA, CA_KEY = authority()


async def test_each_version_keeps_its_own_key(app, vault, provider, signing_database, new_place) -> None:
    place = await new_place()
    keys = []
    async with app.transaction(place.organization_id) as txn:
        held = None
        for _ in range(2):
            one, key = leaf(CA, CA_KEY)
            keys.append(pem_key(key))
            chain = await vault.certificates.read(
                GivenCertificate(chain=pem_of(one, CA), private_key=keys[-1])
            )
            if held is None:
                held = await vault.certificates.create(
                    txn, SYSTEM, place.environment_id, name="web", chain=chain
                )
            else:
                held = await vault.certificates.renew(txn, SYSTEM, place.environment_id, held, chain)
    async with signing_database.transaction(place.organization_id) as txn:
        names = ["key.web.1", "key.web.2", "key.web.3", "key.other.1"]
        lending = Lending(KeyService(signing_database, provider), None)
        lent = await lending.values(txn, place.environment_id, names)
    assert {name: value.value.decode() for name, value in lent.values.items()} == {
        "key.web.1": keys[0],
        "key.web.2": keys[1],
    }
    assert all(value.file for value in lent.values.values())


async def test_the_app_role_reads_no_key_and_the_database_no_plain_one(
    app, vault, new_place, database_url
) -> None:
    place = await new_place()
    one, key = leaf(CA, CA_KEY)
    chain = await vault.certificates.read(GivenCertificate(chain=pem_of(one, CA), private_key=pem_key(key)))
    async with app.transaction(place.organization_id) as txn:
        await vault.certificates.create(txn, SYSTEM, place.environment_id, name="web", chain=chain)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.transaction(place.organization_id) as txn:
            await txn.execute("select private_key from certificate_versions")
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select private_key from certificate_versions where organization_id = %s", [place.organization_id]
        ).fetchone()
    assert row is not None
    assert b"PRIVATE KEY" not in row[0]
