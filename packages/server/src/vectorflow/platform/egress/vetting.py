"""The choke point: a destination becomes vetted addresses here, or is refused. Nothing connects to anything else."""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from vectorflow.platform.egress.addresses import Address, Standing, embedded_addresses, own_standing, standing
from vectorflow.platform.egress.destination import Destination
from vectorflow.platform.egress.errors import EgressRefused, EgressTimedOut
from vectorflow.platform.egress.policy import AllowRule, EgressLimits, EgressPolicy, Kind
from vectorflow.platform.egress.resolver import Resolver

_log = structlog.get_logger(__name__)


class Vetted(msgspec.Struct, frozen=True):
    """A destination with the addresses it may be reached at, in the resolver's order.

    `ruled` says that the operator's allow-list names it; a public one needs no rule.
    """

    destination: Destination
    addresses: tuple[Address, ...]
    ruled: bool


class Vetter:
    """Resolves a name once and judges every address of the answer by the policy."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def vet(self, kind: Kind, destination: Destination, limits: EgressLimits) -> Vetted:
        """Return the vetted addresses, or raise `EgressRefused` or `EgressTimedOut`.

        One address that may not be reached refuses the whole answer: a name that mixes them is an attack.
        """
        if not self._policy.port_possible(kind, destination.port):
            allowed = ", ".join(map(str, sorted(self._policy.ports[kind])))
            raise EgressRefused(f"Port {destination.port} may not be called; allowed are {allowed}.")
        addresses = await self._addresses(destination, limits)
        rules = [
            rule
            for rule in self._policy.allow
            if rule.covers_port(destination.port, self._policy.ports[kind])
        ]
        usual = destination.port in self._policy.ports[kind]
        refused = [
            each for each in addresses if not _permitted(destination.host, each, rules, public_port=usual)
        ]
        if refused or not addresses:
            _log.info(
                "egress.refused",
                host=destination.host,
                port=destination.port,
                addresses=list(map(str, refused)),
            )
            raise refusal(destination)
        ruled = all(any(rule.covers(destination.host, each) for rule in rules) for each in addresses)
        return Vetted(destination, addresses, ruled)

    async def vet_proxy(self, destination: Destination, limits: EgressLimits) -> Vetted:
        """Vet the operator's own proxy: it is mostly private, but never a metadata address."""
        addresses = await self._addresses(destination, limits)
        if not addresses or any(standing(each) is Standing.NEVER for each in addresses):
            _log.error("egress.proxy-refused", host=destination.host, addresses=list(map(str, addresses)))
            raise EgressRefused("The proxy that the operator set cannot be used; see the server's log.")
        return Vetted(destination, addresses, ruled=True)

    async def _addresses(self, destination: Destination, limits: EgressLimits) -> tuple[Address, ...]:
        literal = destination.address
        if literal is not None:
            return (literal,)
        try:
            async with asyncio.timeout(limits.resolve_seconds):
                return tuple(await self._resolver.resolve(destination.host))
        except TimeoutError:
            raise EgressTimedOut(f"The name {destination.host} was not resolved in time.") from None
        except OSError:
            return ()


def refusal(destination: Destination) -> EgressRefused:
    """Return the error for an unknown name and for an inner one alike: inner names must not be found out."""
    return EgressRefused(
        f"{destination.host} has no address that may be reached; check the name, or ask the operator to allow it."
    )


def _permitted(host: str, address: Address, rules: Sequence[AllowRule], *, public_port: bool) -> bool:
    if standing(address) is Standing.NEVER:
        return False
    ruled = any(rule.covers(host, address) for rule in rules)
    if not ruled and not (public_port and own_standing(address) is Standing.PUBLIC):
        return False
    # What is embedded is reached as well: a rule for a NAT64 prefix does not open the network behind it.
    return all(
        own_standing(each) is Standing.PUBLIC or any(rule.covers(host, each) for rule in rules)
        for each in embedded_addresses(address)
    )
