"""What can go wrong with a call to the outside. No message holds a path, a credential or an inner address."""

from vectorflow.kernel.errors import VectorFlowError


class EgressPolicyInvalid(VectorFlowError, status=500, code="platform.egress-policy-invalid"):
    """The settings for outbound connections are not valid; correct them and start again."""


class DestinationInvalid(VectorFlowError, status=422, code="platform.egress-destination-invalid"):
    """This is not an address that can be called; write it as https://host/path, or host and port."""


class EgressRefused(VectorFlowError, status=422, code="platform.egress-refused"):
    """This destination may not be reached from here."""


class EgressFailed(VectorFlowError, status=502, code="platform.egress-failed"):
    """The other side could not be reached, or broke off."""


class EgressCertificateRefused(VectorFlowError, status=502, code="platform.egress-certificate-refused"):
    """The other side's certificate is not valid for its name, or not from a trusted authority."""


class EgressTooLarge(VectorFlowError, status=502, code="platform.egress-too-large"):
    """The other side sent more than is accepted."""


class EgressTimedOut(VectorFlowError, status=504, code="platform.egress-timed-out"):
    """The other side did not finish in time."""
