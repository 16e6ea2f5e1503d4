"""What cloud mode refuses at the start."""

import pytest

from vectorflow.entry.serve import ModeRefusedError, refuse_by_mode
from vectorflow.platform.settings import Settings

KMS = "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/0d7c4a52-9c5f-4c0f-9d30-0a3b6a1f2c11"


@pytest.mark.parametrize("beside", ["api", "gateway"])
def test_cloud_mode_keeps_the_signer_apart(beside: str) -> None:
    cloud = Settings(mode="cloud", key_provider=KMS)
    refuse_by_mode(cloud, ["signer", "worker"])
    refuse_by_mode(cloud, ["api", "gateway", "worker"])
    with pytest.raises(ModeRefusedError, match="signer"):
        refuse_by_mode(cloud, ["signer", beside])
    refuse_by_mode(Settings(), ["signer", beside])


def test_cloud_mode_refuses_the_key_file() -> None:
    for settings in (
        Settings(mode="cloud"),
        Settings(mode="cloud", key_provider=KMS, former_key_providers=("local-key-file",)),
    ):
        with pytest.raises(ModeRefusedError, match="KMS"):
            refuse_by_mode(settings, ["api"])
