"""What the routes of the vault share."""

from collections.abc import Iterable

import msgspec

from vectorflow.vault.types import Place

ENVIRONMENT = "/orgs/{org:str}/environments/{env:str}"


class PlaceGiven(msgspec.Struct, forbid_unknown_fields=True):
    """A way of a secret: its name (`var.<name>` for a sensitive variable), the kind and type of the component
    (`sink:http`), the option with dots, and the hosts.
    """

    secret: str
    component_type: str
    option_path: str
    destination: str


def places_of(given: Iterable[PlaceGiven]) -> tuple[Place, ...]:
    """Return places as the service takes them."""
    return tuple(
        Place(each.secret, each.component_type, each.option_path, each.destination) for each in given
    )
