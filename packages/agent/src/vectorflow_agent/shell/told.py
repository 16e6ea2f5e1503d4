"""Saying something once, not a thousand times: repeated log lines at a limited rate."""

import logging
import time
from typing import Final

_AGAIN_SECONDS: Final = 300.0


class Told:
    """Remembers what was said about each subject, and says the same again only after five minutes."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: dict[str, tuple[str, float]] = {}

    def warn(self, subject: str, message: str) -> None:
        """Log a warning, unless the same was said about the subject lately."""
        said, at = self._said.get(subject, ("", 0.0))
        now = time.monotonic()
        if message != said or now - at >= _AGAIN_SECONDS:
            self._said[subject] = (message, now)
            self._log.warning("%s: %s", subject, message)

    def well(self, subject: str, message: str) -> None:
        """Log that a subject is fine again, if it was not."""
        if self._said.pop(subject, None) is not None:
            self._log.info("%s: %s", subject, message)

    def current(self) -> list[str]:
        """What is wrong now, for the status and the heartbeat."""
        return [f"{subject}: {message}" for subject, (message, _) in self._said.items()]
