"""Taking secrets off the node when the control plane has not been heard for too long, and saying so before."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from vectorflow_agent.core.offline import WITHHELD, Contact, Standing, without_secrets
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.runner import Runner
from vectorflow_agent.shell.told import Told

_LONGEST_LOOK: Final = 30.0
_SHORTEST_LOOK: Final = 0.2
SUBJECT: Final = "contact"


class Withholding:
    """Looks at the time since the last word, warns, and acts once it is over."""

    def __init__(
        self, context: Context, link: Link, told: Told, runners: Callable[[], Sequence[Runner]]
    ) -> None:
        self._context, self._link, self._told, self._runners = context, link, told, runners

    async def loop(self) -> None:
        """Look again and again; how often depends on how long secrets may stay."""
        book = self._context.contact
        while True:
            book.changed.clear()
            await self.look()
            share = book.contact.limit / 1000 / 20 if book.contact is not None else _LONGEST_LOOK
            try:
                async with asyncio.timeout(min(max(share, _SHORTEST_LOOK), _LONGEST_LOOK)):
                    await book.changed.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """Warn, or remove every secret and stop what uses them."""
        book = self._context.contact
        await book.tick()
        match book.standing:
            case Standing.HALF if book.contact is not None:
                self._told.warn(SUBJECT, _half_words(book.contact))
            case Standing.UNPROVEN:
                self._told.warn(
                    SUBJECT,
                    "the record of the last word of the control plane was removed or changed: "
                    "what runs goes on, and no secret is opened until it is heard again",
                )
            case Standing.OVER:
                self._told.warn(SUBJECT, f"{WITHHELD}; pipelines that use them are stopped until it is heard")
                await self._withhold()
            case _:
                self._told.well(SUBJECT, "the control plane is heard")

    async def _withhold(self) -> None:
        await self._link.forget()
        for runner in self._runners():
            spec = runner.secret_spec()
            if spec is None:
                await runner.secrets_scrub()
            elif runner.state.wanted is None or runner.state.wanted.reason != WITHHELD:
                runner.desire(without_secrets(spec))


def _half_words(contact: Contact) -> str:
    return (
        f"no word of the control plane since {_time(contact.at)}: at {_time(contact.over_at)} this node removes its "
        "secrets and stops the pipelines that use them"
    )


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
