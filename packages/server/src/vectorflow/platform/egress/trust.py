"""Whom to believe by TLS: contexts that always check the certificate and its name."""

import ssl

from vectorflow.kernel.errors import InvalidInputError
from vectorflow.platform.egress.errors import EgressPolicyInvalid
from vectorflow.platform.egress.policy import EgressPolicy


def system_context(policy: EgressPolicy) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and the operator's; raises `EgressPolicyInvalid`."""
    context = _checked(ssl.create_default_context())
    if policy.ca_file is not None:
        try:
            context.load_verify_locations(cafile=policy.ca_file)
        except (OSError, ssl.SSLError):
            raise EgressPolicyInvalid(f"{policy.ca_file} is not a readable file of certificates.") from None
    return context


def only(ca_pem: str) -> ssl.SSLContext:
    """Return a context that trusts the given authorities and no others; raises `InvalidInputError`."""
    try:
        if not ca_pem.strip():
            raise ValueError  # the library would read nothing as "all of the system's"
        return _checked(ssl.create_default_context(cadata=ca_pem))
    except (ssl.SSLError, ValueError):
        raise InvalidInputError("The authority is not a certificate in PEM form.") from None


def _checked(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return context
