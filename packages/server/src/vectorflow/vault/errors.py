"""What can go wrong in the vault. No message ever holds a value."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError, VectorFlowError


class SecretNotFound(NotFoundError, status=404, code="vault.secret-not-found"):
    """There is no such secret here, or you may not know of it."""


class SecretNameTaken(ConflictError, status=409, code="vault.secret-name-taken"):
    """This environment has a secret of this name already. Replace its value, or choose another name."""


class SecretInUse(ConflictError, status=409, code="vault.secret-in-use"):
    """Pipelines refer to this secret. Take it out of them, or delete them, first."""


class SecretInvalid(InvalidInputError, status=422, code="vault.secret-invalid"):
    """The secret cannot be kept as it was sent."""


class SecretUseDenied(VectorFlowError, status=403, code="vault.secret-use-denied"):
    """Referring to a secret needs the permission secret.use."""


class SecretUseRefused(ConflictError, status=409, code="vault.secret-use-refused"):
    """A secret would be used where it may not be used, or go where nobody approved it."""


class PlaceNotAsked(ConflictError, status=409, code="vault.place-not-asked"):
    """No saved draft uses the secret there. Save the draft first, so that it is known who changed it."""


class SecondPersonNeeded(ConflictError, status=409, code="vault.second-person-needed"):
    """You had a hand in where this secret goes. Enter its value again, or have somebody else approve it."""


class ApprovalNotFound(NotFoundError, status=404, code="vault.approval-not-found"):
    """There is no such approval here."""


class VariableNotFound(NotFoundError, status=404, code="vault.variable-not-found"):
    """There is no such variable here, or you may not know of it."""


class VariableNameTaken(ConflictError, status=409, code="vault.variable-name-taken"):
    """This environment has a variable of this name already."""


class VariableInvalid(InvalidInputError, status=422, code="vault.variable-invalid"):
    """The variable cannot be kept as it was sent."""


class VariableInUse(ConflictError, status=409, code="vault.variable-in-use"):
    """Pipelines refer to this variable. Take it out of them first."""


class CertificateNotFound(NotFoundError, status=404, code="vault.certificate-not-found"):
    """There is no such certificate here, or you may not know of it."""


class CertificateNameTaken(ConflictError, status=409, code="vault.certificate-name-taken"):
    """This environment has a certificate of this name already. Renew it, or choose another name."""


class CertificateInvalid(InvalidInputError, status=422, code="vault.certificate-invalid"):
    """The certificate cannot be kept as it was sent."""


class CertificateInUse(ConflictError, status=409, code="vault.certificate-in-use"):
    """Pipelines refer to this certificate. Take it out of them first."""


class LookupFileNotFound(NotFoundError, status=404, code="vault.lookup-file-not-found"):
    """There is no such lookup file here, or you may not know of it."""


class LookupFileNameTaken(ConflictError, status=409, code="vault.lookup-file-name-taken"):
    """This environment has a lookup file of this name already. Upload a new version of it."""


class LookupFileInvalid(InvalidInputError, status=422, code="vault.lookup-file-invalid"):
    """The lookup file cannot be kept as it was sent."""


class LookupFileTooLarge(VectorFlowError, status=413, code="vault.lookup-file-too-large"):
    """The file is larger than this installation takes."""


class LookupFileInUse(ConflictError, status=409, code="vault.lookup-file-in-use"):
    """Pipelines refer to this lookup file. Take it out of them first."""


class StoreNotFound(NotFoundError, status=404, code="vault.store-not-found"):
    """There is no such store here, or you may not know of it."""


class StoreNameTaken(ConflictError, status=409, code="vault.store-name-taken"):
    """This environment has a store of this name already."""


class StoreInvalid(InvalidInputError, status=422, code="vault.store-invalid"):
    """The store cannot be kept as it was sent."""


class StoreInUse(ConflictError, status=409, code="vault.store-in-use"):
    """Secrets lie in this store. Delete them first."""


class StoreFailed(VectorFlowError, status=502, code="vault.store-failed"):
    """The outside store did not give the secret."""


class StoreNotAsked(VectorFlowError, status=503, code="vault.store-not-asked"):
    """The outside store has not been asked for this secret yet."""
