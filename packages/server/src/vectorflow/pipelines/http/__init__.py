"""Routes of pipelines, revisions and documents: thin, each declaring the permission it needs."""

from vectorflow.pipelines.http.documents import (
    check_document,
    get_catalogue,
    import_configuration,
    reimport_document,
)
from vectorflow.pipelines.http.drafts import (
    create_pipeline,
    delete_pipeline,
    get_pipeline,
    list_pipelines,
    update_pipeline,
)
from vectorflow.pipelines.http.editing import fix_document, read_document, write_document
from vectorflow.pipelines.http.filing import routes as filing_routes
from vectorflow.pipelines.http.history import get_diff, get_revision, list_revisions
from vectorflow.pipelines.http.programs import check_program, list_vrl_functions, run_program
from vectorflow.pipelines.http.unit_tests import run_unit_tests

routes = [
    list_pipelines,
    create_pipeline,
    get_pipeline,
    update_pipeline,
    delete_pipeline,
    check_document,
    import_configuration,
    list_revisions,
    get_revision,
    get_diff,
    get_catalogue,
    write_document,
    read_document,
    fix_document,
    list_vrl_functions,
    check_program,
    run_program,
    run_unit_tests,
    reimport_document,
    *filing_routes,
]
