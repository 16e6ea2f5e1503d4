"""The public keys whose index of releases this agent believes: base64 of 32 bytes each.

Empty in the source. `scripts/agent_release.py --release-key` puts the public half of an offline key here when a
release is built; a node's own policy (`release_keys`) outranks it.
"""

from typing import Final

RELEASE_KEYS: Final[tuple[str, ...]] = ()
