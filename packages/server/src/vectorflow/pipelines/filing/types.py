"""What is passed around about folders, tags and saved filters."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

MOST_AT_ONCE = 200
MOST_TAGS = 20
MOST_FILTERS = 100


class Filed(msgspec.Struct, frozen=True):
    """Where a pipeline is filed. A folder is a path such as `edge/eu`, or empty."""

    id: UUID
    name: str
    folder: str
    tags: tuple[str, ...]


class FiledCount(msgspec.Struct, frozen=True):
    """A folder or a tag, and how many pipelines it has."""

    name: str
    pipelines: int


class SavedFilter(msgspec.Struct, frozen=True):
    """A filter that a person has saved: the search parameters of the list, as they stand in its address."""

    id: UUID
    name: str
    search: str


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of several pipelines; a folder of None stays as it is."""

    pipelines: Sequence[UUID]
    folder: str | None = None
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
