"""Every sensitive column, so that rotation and verification reach all of them: of organisations, of the platform.

A room that adds a sealed column adds its declaration here; a rotation refuses to begin while one is missing.
"""

# house: test: what is missing here stops every rotation: tests/vault/test_rotation.py
from collections.abc import Sequence
from typing import Final

from vectorflow.alerts.channels import ChannelColumn
from vectorflow.keys.own_keys import OwnKeyColumn
from vectorflow.keys.platform_keys import PlatformColumn
from vectorflow.keys.signing import SigningKeyColumn
from vectorflow.keys.types import SealedColumn
from vectorflow.telemetry.taps.columns import tap_columns
from vectorflow.vault.columns import vault_columns

SEALED_COLUMNS: Final[Sequence[SealedColumn]] = (
    SigningKeyColumn(),
    *vault_columns(),
    ChannelColumn(),
    *tap_columns(),
)
PLATFORM_COLUMNS: Final[Sequence[PlatformColumn]] = (OwnKeyColumn(),)
