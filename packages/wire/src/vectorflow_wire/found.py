"""What a node tells of Vectors that run beside the agent and are not managed by it.

Sent when somebody on the machine asks for it. Variables are told by name only, and texts of configurations
only when that was asked for too, with secrets taken out on the node.
"""

from typing import Final

import msgspec

FOUND_PATH: Final = "/agent/v1/found"
MOST_FOUND_BYTES: Final = 2 * 1024 * 1024
MOST_VECTORS: Final = 20


class FoundFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A configuration file. `text` is empty when it was not to be sent; `problem` says why it cannot be read."""

    path: str
    text: str = ""
    problem: str = ""


class FoundRemark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to look at before taking it over; `blocks` means that it cannot be taken over so."""

    id: str
    message: str
    blocks: bool = False


class FoundVector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One Vector: by its unit's name, or by `pid-<number>`."""

    id: str
    unit: bool = False
    pid: int = 0
    user: str = ""
    version: str = ""
    data_dir: str = ""
    directory: bool = False
    """Its files are those of one configuration directory and merge by the rules for it."""
    interpolates: bool = False
    """It puts variables of the environment into its configuration."""
    components: dict[str, dict[str, str]] = {}
    addresses: dict[str, str] = {}
    environment: tuple[str, ...] = ()
    files: tuple[FoundFile, ...] = ()
    remarks: tuple[FoundRemark, ...] = ()


class FoundVectors(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `PUT /agent/v1/found`: all there are now. `at` is epoch ms."""

    at: int
    vectors: tuple[FoundVector, ...] = ()
