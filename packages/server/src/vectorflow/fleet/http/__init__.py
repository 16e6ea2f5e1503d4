"""Routes of nodes: thin, each declaring the permission it needs."""

from typing import Any

from vectorflow.fleet.http import enrolment, found, groups, lifecycle, nodes, offline, statements, updates

routes: list[Any] = [
    nodes.list_nodes,
    nodes.get_node_summary,
    nodes.get_node,
    nodes.revoke_node,
    found.list_found_vectors,
    lifecycle.admit_node,
    lifecycle.reject_node,
    lifecycle.decide_duplicate,
    lifecycle.set_node_labels,
    lifecycle.change_labels,
    lifecycle.set_node_maintenance,
    lifecycle.decommission_node,
    lifecycle.cancel_decommission,
    statements.list_statements,
    statements.restart_pipeline,
    statements.set_log_level,
    updates.list_updates,
    updates.create_update,
    updates.change_update,
    updates.list_update_nodes,
    groups.list_groups,
    groups.create_group,
    groups.get_group,
    groups.update_group,
    groups.delete_group,
    groups.set_group_maintenance,
    groups.list_drift,
    groups.confirm_drift,
    groups.get_fleet_settings,
    groups.update_fleet_settings,
    offline.get_secrets_on_nodes,
    offline.update_secrets_on_nodes,
    enrolment.list_enrolment_tokens,
    enrolment.create_enrolment_token,
    enrolment.revoke_enrolment_token,
]
