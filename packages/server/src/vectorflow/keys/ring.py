"""The platform's key providers: the present one wraps, and each unwraps what it wrapped itself."""

from collections.abc import Sequence

from vectorflow.keys.errors import KeysUnavailable
from vectorflow.keys.guard import PAUSE_SECONDS, Guarded, KeyMetrics
from vectorflow.keys.providers import LOCAL_NAME
from vectorflow.keys.types import DataKey, KeyContext, KeyProvider, KeyState


class KeyRing:
    """Providers by name. To move to another, make it the present one and keep the former until nothing needs it."""

    def __init__(
        self, present: KeyProvider, former: Sequence[KeyProvider] = (), *, metrics: KeyMetrics | None = None
    ) -> None:
        self._present = _guarded(present, metrics)
        self._all = {each.name: _guarded(each, metrics) for each in former}
        self._all[present.name] = self._present

    @property
    def name(self) -> str:
        """The name of the provider that wraps."""
        return self._present.name

    @property
    def names(self) -> list[str]:
        """Every provider's name, the present one first."""
        return [self.name, *(name for name in self._all if name != self.name)]

    @property
    def failure(self) -> str | None:
        """Why a provider failed at its last call, or None when all answer."""
        return next((each.failure for each in self._all.values() if each.failure), None)

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped by the present provider. Raises `KeysUnavailable`."""
        return await self._present.wrap(key, context)

    async def unwrap(self, key: DataKey | KeyState, context: KeyContext) -> bytes:
        """Return the data key from the provider that wrapped it. Raises `KeysUnavailable`."""
        return await self.provider(key.provider).unwrap(key.wrapped, context)

    def provider(self, name: str) -> KeyProvider:
        """Return the provider of a name. Raises `KeysUnavailable` when it is not set up here."""
        found = self._all.get(name)
        if found is None:
            message = (
                f"The organisation's data key is held by {name}, which is not set up here. "
                "Add it to VECTORFLOW_FORMER_KEY_PROVIDERS."
            )
            raise KeysUnavailable(message)
        return found

    async def prove(self) -> None:
        """Try every provider. Raises `ProviderUnsafe` or `KeysUnavailable`."""
        for each in self._all.values():
            await each.prove()

    async def probe(self) -> None:
        """Ask providers that failed whether they answer again."""
        for each in self._all.values():
            await each.probe()

    async def aclose(self) -> None:
        """Close every provider's connections."""
        for each in self._all.values():
            await each.aclose()


def _guarded(provider: KeyProvider, metrics: KeyMetrics | None) -> Guarded:
    if isinstance(provider, Guarded):
        return provider
    # A file on this machine is back the moment it is put back, and needs no pause to recover.
    pause = 0.0 if provider.name == LOCAL_NAME else PAUSE_SECONDS
    return Guarded(provider, metrics=metrics, pause_seconds=pause)


def ring_of(provider: "KeyProvider | KeyRing") -> KeyRing:
    """Return a ring of one provider, or the ring itself."""
    return provider if isinstance(provider, KeyRing) else KeyRing(provider)
