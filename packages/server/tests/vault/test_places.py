"""`vault.places`, alone; what people see of it is in tests/pipelines/test_places_http.py."""

from vectorflow.kernel.actor import SYSTEM, Actor, ActorKind
from vectorflow.kernel.permissions import Permission
from vectorflow.vault.places import SecretPlaces, may_approve, place_of
from vectorflow.vault.types import Place
from vectorflow_topology.destinations import SecretUse

USE = SecretUse("key.web.1", "out", "sink:http", "tls.key_file", "https://a.example")


async def test_private_keys_go_nowhere_so_nobody_approves_them(app, new_place) -> None:
    place = await new_place()
    nobody = Actor(ActorKind.ACCOUNT, "N")
    async with app.transaction(place.organization_id) as txn:
        assert await SecretPlaces().refusals(txn, place.environment_id, [USE], nobody) == []
        other = SecretUse("token", "out", "sink:http", "auth.token", "https://a.example")
        (refusal,) = await SecretPlaces().refusals(txn, place.environment_id, [other], nobody)
    assert refusal.rule == "secret.destination-changed"


def test_approving_needs_both_permissions() -> None:
    both = frozenset({Permission.SECRET_USE, Permission.SECRET_WRITE})
    assert may_approve(SYSTEM)
    assert may_approve(Actor(ActorKind.ACCOUNT, "A", permissions=both))
    for one in both:
        assert not may_approve(Actor(ActorKind.ACCOUNT, "A", permissions=frozenset({one})))
    assert place_of(USE) == Place("key.web.1", "sink:http", "tls.key_file", "https://a.example")
