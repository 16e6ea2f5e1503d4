"""The key providers that settings name, and the move from one to another."""

from pathlib import Path

import pytest
from packages.server.tests.keys.standins import KEY_ARN, AwsStandIn, VaultStandIn

from vectorflow.kernel.ids import new_id
from vectorflow.keys.choice import KeyProviderInvalid, build_ring
from vectorflow.keys.errors import KeysUnavailable, ProviderRefused
from vectorflow.keys.providers import LOCAL_NAME, LocalKeyFile
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.settings import Settings

CELL = Cell("test", "things", "value", new_id(), 1)


@pytest.fixture
def settings(tmp_path: Path, kms: AwsStandIn, vault: VaultStandIn, aws_file: Path) -> dict[str, object]:
    token = tmp_path / "vault-token"
    token.write_text("hvs.token\n")
    return {
        "state_dir": tmp_path,
        "aws_kms_endpoint": kms.url,
        "aws_credentials_file": aws_file,
        "vault_token_file": token,
    }


@pytest.mark.parametrize(
    "name",
    [
        "nonsense",
        "aws-kms:alias/mine",
        "aws-kms:arn:aws:s3:eu-central-1:111122223333:key/a",
        "vault-transit:https://user:password@vault/transit/key",
        "vault-transit:https://vault/key",
        "vault-transit:https://vault/transit/key?x=1",
        "vault-transit:https://vault/../key/%2e",
        "vault-transit:ftp://vault/transit/key",
    ],
)
def test_a_name_that_cannot_be_read_stops_the_start(name: str, egress: Egress) -> None:
    with pytest.raises(KeyProviderInvalid):
        build_ring(Settings(key_provider=name), egress)


async def test_data_keys_move_from_provider_to_provider(  # noqa: PLR0917
    settings, egress: Egress, vault: VaultStandIn, app, signing_database, new_organization_under
) -> None:
    LocalKeyFile(settings["state_dir"]).create()
    places = [LOCAL_NAME, f"aws-kms:{KEY_ARN}", f"vault-transit:{vault.url}/transit/vectorflow"]
    organization, sealed, former = None, b"", []
    for place in places:
        ring = build_ring(
            Settings(**settings, key_provider=place, former_key_providers=tuple(former)), egress
        )
        keys = KeyService(app, ring)
        if organization is None:
            organization = await new_organization_under(keys)
            async with app.transaction(organization) as txn:
                sealed = await keys.seal(txn, CELL, b"value")
        rotation = KeyRotation(signing_database, KeyService(signing_database, ring), [])
        for _ in range(2):  # a run that was killed is simply done again
            assert await rotation.rewrap(organization) == 1
        assert [key.provider for key in await rotation.status(organization)] == [place]
        alone = KeyService(app, build_ring(Settings(**settings, key_provider=place), egress))
        async with app.transaction(organization) as txn:
            assert await alone.unseal(txn, CELL, sealed) == b"value"
        former.append(place)
        for each in (keys, alone):
            each.close()
            await each.ring.aclose()
        rotation.close()
    without = KeyService(app, LocalKeyFile(settings["state_dir"]))
    async with app.transaction(organization) as txn:
        with pytest.raises(KeysUnavailable, match="not set up here"):
            await without.unseal(txn, CELL, sealed)


async def test_a_token_that_cannot_be_read(settings, egress: Egress, vault: VaultStandIn) -> None:
    settings["vault_token_file"].unlink()
    place = f"vault-transit:{vault.url}/transit/vectorflow"
    ring = build_ring(Settings(**settings, key_provider=place), egress)
    with pytest.raises(ProviderRefused, match="token"):
        await ring.prove()
    await ring.aclose()
