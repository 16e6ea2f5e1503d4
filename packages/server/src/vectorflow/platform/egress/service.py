"""What rooms are given: one `Egress` per process, and from it a client for each caller and protocol."""

import ssl

from vectorflow.platform.egress import trust
from vectorflow.platform.egress.connector import Connector
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.git import GitSockets
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.policy import EgressLimits, EgressPolicy
from vectorflow.platform.egress.record import Caller, EgressAudit, EgressMetrics, Recorder
from vectorflow.platform.egress.resolver import Resolver, SystemResolver
from vectorflow.platform.egress.smtp import SmtpClient
from vectorflow.platform.egress.tls import TlsClient
from vectorflow.platform.egress.vetting import Vetter


class Egress:
    """The way out. Made once by the wiring, on the loop; `aclose` at the end.

    Clients take `limits` to replace the policy's, and `ca_pem` to trust these authorities and no others.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        audit: EgressAudit,
        metrics: EgressMetrics,
        resolver: Resolver | None = None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver or SystemResolver()
        self._vetter = Vetter(policy, self._resolver)
        self._connector = Connector(policy, self._vetter)
        self._recorder = Recorder(metrics, audit)
        # Two, because the HTTP library sets its own protocol names on the context it is given.
        self._http_context = trust.system_context(policy)
        self._stream_context = trust.system_context(policy)

    def http(
        self,
        caller: Caller,
        *,
        limits: EgressLimits | None = None,
        ca_pem: str | None = None,
        plain: bool = True,
    ) -> HttpClient:
        """Return a client for HTTP and HTTPS, to be closed by the caller.

        Without `plain` HTTP without TLS goes only to what the operator allows, for calls that carry credentials.
        """
        return HttpClient(self._dialer(caller, limits), _context(self._http_context, ca_pem), plain=plain)

    def smtp(
        self, caller: Caller, *, limits: EgressLimits | None = None, ca_pem: str | None = None
    ) -> SmtpClient:
        """Return a client for mail."""
        return SmtpClient(self._dialer(caller, limits), _context(self._stream_context, ca_pem))

    def tls(
        self, caller: Caller, *, limits: EgressLimits | None = None, ca_pem: str | None = None
    ) -> TlsClient:
        """Return a client for raw TLS."""
        return TlsClient(self._dialer(caller, limits), _context(self._stream_context, ca_pem))

    def git(self, caller: Caller, *, limits: EgressLimits | None = None) -> GitSockets:
        """Return the connection factory for a git client in a thread."""
        return GitSockets(self._dialer(caller, limits))

    async def aclose(self) -> None:
        """Stop resolving names. Clients are closed by those who made them."""
        await self._recorder.aclose()
        await self._resolver.aclose()

    def _dialer(self, caller: Caller, limits: EgressLimits | None) -> Dialer:
        return Dialer(caller, self._vetter, self._connector, self._recorder, limits or self._policy.limits)


def _context(usual: ssl.SSLContext, ca_pem: str | None) -> ssl.SSLContext:
    return usual if ca_pem is None else trust.only(ca_pem)
