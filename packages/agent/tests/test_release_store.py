"""What a machine asks of releases, and what this source believes."""

import platform
import sys

from vectorflow_agent.release_key import RELEASE_KEYS
from vectorflow_agent.shell.release_store import UpdateRefused, this_machine


def test_a_release_must_fit_this_machine():
    machine = this_machine()
    assert machine.arch == platform.machine()
    assert machine.python == f"cp{sys.version_info.major}{sys.version_info.minor}"


def test_the_source_holds_no_key_since_releases_bring_theirs():
    assert RELEASE_KEYS == ()


def test_a_refusal_says_whether_trying_again_is_of_use():
    refused = UpdateRefused("disk-full", "no room", lasting=False)
    assert (str(refused), refused.reason, refused.lasting, refused.returned) == (
        "no room",
        "disk-full",
        False,
        False,
    )
