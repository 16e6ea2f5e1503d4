"""One clone of the template, seeded with two organisations, for all tests of this folder."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from packages.server.tests.conftest import clone
from packages.server.tests.isolation.world import World, seed

from vectorflow.platform.scope import ScopeSigner


@pytest.fixture(scope="module")
def isolated_url() -> str:
    """The superuser's URL of a clone that only this module uses."""
    return clone(f"isolation_{secrets.token_hex(4)}")


@pytest.fixture(scope="module")
def superuser(isolated_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(isolated_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def world(superuser: psycopg.Connection, signer: ScopeSigner) -> World:
    made = seed(superuser, signer)
    superuser.commit()
    return made
