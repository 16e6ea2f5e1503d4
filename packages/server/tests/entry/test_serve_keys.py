"""`vectorflow serve` and its keys: a KMS that would open them for anybody is said in a sentence at the start."""

import re
import secrets
from pathlib import Path

import pytest
from packages.server.tests.conftest import clone
from packages.server.tests.entry.test_serve import environment as shared_environment
from packages.server.tests.entry.test_serve import running
from packages.server.tests.keys.conftest import vault
from packages.server.tests.keys.standins import VaultStandIn

from vectorflow.platform.credentials import write_private

__all__ = ["shared_environment", "vault"]


@pytest.fixture
def environment(shared_environment: dict[str, str]) -> dict[str, str]:
    """A database of the test's own: what wraps its platform's key is decided at its first start."""
    return shared_environment | {"VECTORFLOW_DATABASE_URL": clone(f"keys_{secrets.token_hex(4)}")}


@pytest.fixture
def with_vault(environment: dict[str, str], vault: VaultStandIn, tmp_path: Path) -> dict[str, str]:
    token = tmp_path / "token"
    write_private(token, vault.token.encode())
    return environment | {
        "VECTORFLOW_KEY_PROVIDER": f"vault-transit:{vault.url}/transit/vectorflow",
        "VECTORFLOW_VAULT_TOKEN_FILE": str(token),
        "VECTORFLOW_EGRESS_ALLOW": f"127.0.0.1:{vault.url.rpartition(':')[2]}",
    }


async def _refused(settings: dict[str, str]) -> str:
    async with running(settings, "--role", "api") as server:
        said = (await server.child.stderr.read()).decode()
        assert await server.child.wait() == 1, said
    assert "Traceback" not in said
    assert "listening" not in said
    return said


@pytest.mark.parametrize("unsafe", ["not derived", "opens without the context"])
async def test_a_vault_key_that_would_open_for_anybody_stops_the_start(
    with_vault: dict[str, str], vault: VaultStandIn, unsafe: str
) -> None:
    if unsafe == "not derived":
        vault.key["derived"] = False
    else:
        vault.refuses.discard("derivation")
    said = await _refused(with_vault)
    assert "vectorflow: " in said
    assert re.search("derived|context|organisation", said)
    assert vault.token not in said


async def test_a_derived_key_starts(with_vault: dict[str, str]) -> None:
    """The positive control."""
    async with running(with_vault, "--role", "api") as server:
        await server.wait_for("api.listening")
