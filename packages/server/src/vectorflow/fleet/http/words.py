"""Types that several routes of this room share."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

ENVIRONMENT: Final = "/orgs/{org:str}/environments/{env:str}"
NODES: Final = ENVIRONMENT + "/nodes"

Label = Annotated[str, msgspec.Meta(max_length=200)]
LabelName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_./-]{1,63}$")]


class MaintenanceNew(msgspec.Struct, forbid_unknown_fields=True):
    """Maintenance to be begun or ended. Without `until` it lasts until somebody ends it."""

    on: bool
    until: datetime | None = None
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""
