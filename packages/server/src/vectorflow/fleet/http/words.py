"""Types that several routes of this room share."""

from typing import Annotated, Final

import msgspec

ENVIRONMENT: Final = "/orgs/{org:str}/environments/{env:str}"
NODES: Final = ENVIRONMENT + "/nodes"

Label = Annotated[str, msgspec.Meta(max_length=200)]
LabelName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_./-]{1,63}$")]
