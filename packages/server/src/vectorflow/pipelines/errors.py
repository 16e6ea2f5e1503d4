"""What can go wrong with pipelines."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError, VectorFlowError


class PipelineNotFound(NotFoundError, status=404, code="pipelines.pipeline-not-found"):
    """There is no such pipeline here, or you may not know of it."""


class RevisionNotFound(NotFoundError, status=404, code="pipelines.revision-not-found"):
    """This pipeline has no such revision."""


class PipelineNameTaken(ConflictError, status=409, code="pipelines.name-taken"):
    """This environment has a pipeline of this name already. Choose another name."""


class StillDeployed(ConflictError, status=409, code="pipelines.still-deployed"):
    """This pipeline runs on nodes. Stop it there before deleting it."""


class PipelineInvalid(InvalidInputError, status=422, code="pipelines.pipeline-invalid"):
    """The pipeline cannot be kept as it was sent."""


class DocumentInvalid(InvalidInputError, status=422, code="pipelines.document-invalid"):
    """The document has errors; correct them and try again."""


class CheckingBusy(VectorFlowError, status=503, code="pipelines.checking-busy"):
    """Too many documents are being checked right now. Try again in a moment."""


class TestsBusy(VectorFlowError, status=503, code="pipelines.tests-busy"):
    """Too many unit tests are being run right now. Try again in a moment."""

    __test__ = False


class ProgramInvalid(InvalidInputError, status=422, code="pipelines.program-invalid"):
    """The program cannot be tried as it was sent."""


class FixNotPossible(ConflictError, status=409, code="pipelines.fix-not-possible"):
    """This fix cannot be applied to the document as it is now."""


class FilingInvalid(InvalidInputError, status=422, code="pipelines.filing-invalid"):
    """Folder, tags or filter cannot be kept as they were sent."""


class FilterNotFound(NotFoundError, status=404, code="pipelines.filter-not-found"):
    """You have saved no such filter."""
