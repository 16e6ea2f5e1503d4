import msgspec
import pytest

from vectorflow_agent.core.offline import (
    WITHHELD,
    Moment,
    Standing,
    heard,
    noted,
    now_by,
    standing,
    without_secrets,
)
from vectorflow_wire.bundles import Bundle, BundlePipeline, DesiredState
from vectorflow_wire.sealing import SealedSecret

HOUR = 3_600_000
T = 1_800_000_000_000


def bundle(**changes):
    made = Bundle(
        organization="o",
        environment="e",
        node="n",
        generation=5,
        issue=1,
        issued_at=T,
        expires_at=T + 24 * HOUR,
        keys_version=1,
        max_offline_seconds=3600,
    )
    return msgspec.structs.replace(made, **changes)


def at(hours, *, boot="one", uptime=None):
    """So many hours after the bundle came; the machine was up for ten hours then."""
    return Moment(T + int(hours * HOUR), boot, int((10 + hours if uptime is None else uptime) * HOUR))


CAME = heard(bundle(), at(0))


@pytest.mark.parametrize(
    ("hours", "found"),
    [
        (0, Standing.FRESH),
        (0.49, Standing.FRESH),
        (0.5, Standing.HALF),
        (0.99, Standing.HALF),
        (1, Standing.OVER),
    ],
)
def test_half_and_whole_of_the_time(hours, found):
    assert standing(CAME, at(hours)) == found


def test_a_clock_that_is_set_back_gains_nothing_in_the_same_boot():
    # Two hours of uptime have passed, whatever the clock says.
    assert standing(CAME, at(-48, uptime=12)) == Standing.OVER


def test_a_clock_that_jumps_ahead_for_a_moment_ends_nothing():
    wrong = Moment(T + 48 * HOUR, "one", int(10.1 * HOUR))
    assert standing(CAME, wrong) == Standing.FRESH
    # Nor does what is noted in that moment, in this boot or the next.
    later = noted(CAME, wrong)
    assert standing(later, at(0.2)) == Standing.FRESH
    assert standing(later, at(0.3, boot="two", uptime=0)) == Standing.FRESH


def test_the_time_that_the_machine_was_off_counts_by_the_clock_whenever_that_is_right():
    later = noted(CAME, at(0.2))
    assert standing(later, at(2, boot="two", uptime=0)) == Standing.OVER
    behind = noted(later, at(-48, boot="two", uptime=0.01))
    assert standing(behind, at(-47.9, boot="two", uptime=0.1)) == Standing.FRESH
    assert standing(behind, at(2, boot="two", uptime=0.1)) == Standing.OVER


def test_a_record_from_before_the_boot_was_noted_counts_as_it_did():
    older = msgspec.structs.replace(CAME, heard_in="")
    assert standing(older, Moment(T + 48 * HOUR, "one", int(10.1 * HOUR))) == Standing.OVER


def test_a_clock_that_is_set_back_gains_nothing_over_a_reboot():
    later = noted(CAME, at(0.9))
    back = at(-48, boot="two", uptime=0.01)
    assert now_by(later, back) == T + int(0.9 * HOUR)
    assert standing(later, back) == Standing.HALF
    # In the new boot its uptime counts on from there.
    assert standing(noted(later, back), at(-48, boot="two", uptime=0.2)) == Standing.OVER


def test_switching_off_again_and_again_gains_nothing():
    contact, back = CAME, at(-48, boot="again", uptime=0)
    for _ in range(30):
        contact = noted(contact, back, start=True)
    assert standing(contact, back) == Standing.HALF
    for _ in range(30):
        contact = noted(contact, back, start=True)
    assert standing(contact, back) == Standing.OVER


def test_a_clock_that_is_put_right_after_the_boot_ends_nothing():
    came = heard(bundle(), Moment(0, "one", 1000))
    assert standing(came, Moment(T + 60_000, "one", 61_000)) == Standing.FRESH


def test_a_clock_that_was_ahead_ends_nothing_once_there_is_news():
    wrong = noted(CAME, at(100_000))
    assert standing(wrong, at(0.1)) == Standing.OVER
    assert standing(heard(bundle(issue=2), at(0.1)), at(0.2)) == Standing.FRESH


def test_the_order_to_stop_holds_no_secret():
    sealed = SealedSecret(name="pass", version=1, key="k", sealed="c2VhbGVk")
    order = without_secrets(BundlePipeline(id="p", name="p", state=DesiredState.RUN, secrets=(sealed,)))
    assert (order.state, order.reason, order.secrets) == (DesiredState.STOP, WITHHELD, ())
