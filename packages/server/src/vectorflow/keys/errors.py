"""What can go wrong with keys. No message ever holds a key, a value or a ciphertext."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError, VectorFlowError


class KeysUnavailable(VectorFlowError, status=503, code="keys.keys-unavailable"):
    """The organisation's keys cannot be had right now, so what needs them is not served."""


class ProviderUnreachable(KeysUnavailable):
    """The key provider cannot be reached right now; what needs keys is not served until it can."""


class ProviderRefused(KeysUnavailable):
    """The key provider refuses to use the key."""


class WrongKey(KeysUnavailable):
    """The key provider's key is not the one that wrapped this data key, or it was wrapped for another place."""


class ProviderUnsafe(KeysUnavailable, status=503, code="keys.provider-unsafe"):
    """The key provider would unwrap a data key without its organisation, so it is not used."""


class SealBroken(VectorFlowError, status=500, code="keys.seal-broken"):
    """A sealed value does not belong where it stands: it was moved, replaced or damaged."""


class SigningKeysMissing(KeysUnavailable, status=503, code="keys.signing-keys-missing"):
    """The organisation's signing keys have not been made yet; the signer makes them within seconds."""


class KeyFileUnsafe(KeysUnavailable, status=503, code="keys.key-file-unsafe"):
    """The platform's key file may be read by other users. Give it mode 0600."""


class KeysBusy(VectorFlowError, status=503, code="keys.busy"):
    """The organisation's keys are in use without a pause. Run `vectorflow keys rotate` again; it goes on where it was."""


class ColumnsUndeclared(VectorFlowError, status=500, code="keys.columns-undeclared"):
    """Some sealed columns are not declared for rotation, so their keys are not touched."""


class OwnKeyNotInPlan(VectorFlowError, status=403, code="keys.own-key-not-in-plan"):
    """Bringing your own key is part of the Enterprise plan."""


class OwnKeyNotFound(NotFoundError, status=404, code="keys.own-key-not-found"):
    """There is no such key of this organisation."""


class OwnKeyBusy(ConflictError, status=409, code="keys.own-key-busy"):
    """Another key of the organisation waits for its proof. Prove it or give it up first."""


class OwnKeyInvalid(InvalidInputError, status=422, code="keys.own-key-invalid"):
    """The key cannot be used as it is written."""


class OwnKeyNotProved(VectorFlowError, status=422, code="keys.own-key-not-proved"):
    """This does not show that you control the key, or that it serves your organisation alone."""


class RotationAskedFor(ConflictError, status=409, code="keys.rotation-asked-for"):
    """A rotation is asked for already; the signer does it within minutes."""
