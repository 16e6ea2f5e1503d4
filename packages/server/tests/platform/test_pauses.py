"""`platform.pauses`: pauses grow with each failure that follows one, and end with an answer."""

from vectorflow.platform.pauses import Pause, jittered


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_grows_once_for_each_call_that_follows_one() -> None:
    clock = Clock()
    pause = Pause[OSError](8.0, 20.0, monotonic=clock)
    assert not pause.holds
    for longest in (8.0, 16.0, 20.0, 20.0):
        pause.failed(OSError("first"))
        pause.failed(OSError("beside it"))
        assert pause.holds
        assert longest / 2 <= pause.until - clock.now <= longest
        clock.now = pause.until
        assert not pause.holds
    pause.answered()
    pause.failed(OSError("anew"))
    assert pause.until - clock.now <= 8.0


def test_those_who_wait_equally_long_do_not_wake_in_one_moment() -> None:
    waits = [jittered(8.0) for _ in range(100)]
    assert len(set(waits)) > 90
    assert 4.0 <= min(waits) <= max(waits) <= 8.0


def test_what_answers_is_called_at_once() -> None:
    pause = Pause[OSError](8.0)
    pause.failed(OSError())
    pause.answered()
    assert not pause.holds
    assert pause.failure is None
