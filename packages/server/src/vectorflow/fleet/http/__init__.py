"""Routes of nodes: thin, each declaring the permission it needs."""

from typing import Any

from vectorflow.fleet.http.enrolment import (
    create_enrolment_token,
    list_enrolment_tokens,
    revoke_enrolment_token,
)
from vectorflow.fleet.http.nodes import get_node, list_nodes, revoke_node
from vectorflow.fleet.http.statements import list_statements, restart_pipeline, set_log_level

routes: list[Any] = [
    list_nodes,
    get_node,
    revoke_node,
    list_statements,
    restart_pipeline,
    set_log_level,
    list_enrolment_tokens,
    create_enrolment_token,
    revoke_enrolment_token,
]
