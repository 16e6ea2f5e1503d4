"""How the rows must stand for statements that ask more of them than their text says plainly.

By module and function of the store. `:mine` and `:other` stand for the organisations; what names neither is done to the
rows of both. A parameter that begins with `=` is asked of the database. Several arrangements of one statement are tried one after the other.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Arrangement(NamedTuple):
    """Changes to the rows before a statement runs, and parameters that differ from what the rows give."""

    changes: Sequence[str] = ()
    parameters: Mapping[str, Any] = {}


# Filters that say what the statement says once more elsewhere: without them nothing else happens, whatever the rows.
SAID_TWICE = {
    ("audit/store.py", "audit_shipped_put", 2): "the key that the conflict is about holds the organisation",
    ("tenancy/store.py", "membership_put", 2): "the key that the conflict is about holds the organisation",
    (
        "tenancy/store.py",
        "team_membership_put",
        2,
    ): "the key that the conflict is about holds the organisation",
    ("fleet/store/nodes.py", "node_counts", 9): "how many pipelines a node has is not counted there",
    (
        "fleet/store/engines.py",
        "node_engines_set",
        1,
    ): "what is locked first is changed by its organisation too",
    ("fleet/store/lifecycle.py", "node_labels", 1): "what is locked first is changed by its organisation too",
    ("fleet/store/nodes.py", "node_want", 1): "what is locked first is changed by its organisation too",
}
# Statements that are not run as the others are, with the test that runs them.
APART = {
    (
        "telemetry/store.py",
        "counters_copy",
    ): "COPY takes its rows, organisation and all, from the connection; "
    "packages/server/tests/telemetry/test_beats.py",
    (
        "telemetry/store.py",
        "host_metrics_copy",
    ): "COPY takes its rows, organisation and all, from the connection; "
    "packages/server/tests/telemetry/test_beats.py",
}

_ANOTHER = "00000000-0000-4000-8000-000000000001"
_LAST = "ffffffff-ffff-4fff-bfff-ffffffffffff"


def _copied(table: str, whose: str, columns: str) -> str:
    """A second row like the first, but for some columns (JSON)."""
    return (
        f"insert into {table} select (jsonb_populate_record(t, '{columns}')).* from {table} t "
        f"where organization_id = {whose} limit 1"
    )


_COMPONENTS = "=select array_agg(distinct component_id) from counters"
_REACHABLE = (
    "update nodes set admission = 'admitted', revoked_at = null, decommission_requested_at = null, "
    "duplicate_of = null, clone_suspected_at = null, maintenance_since = null"
)
_SILENT = "update node_presence set last_seen_at = '2001-01-01'"
_ALL_NODES = {"contains": "{}", "requirements": "[]"}
_EVERY_NODE = _ALL_NODES | {
    "status": None, "text": None, "reason": None, "version": None, "maintenance": None, "duplicates": False,
    "after_name": None,
}  # fmt: skip
_RESTING = "update node_groups set requirements = '[]'"
_STALE = (
    "update node_presence set last_seen_at = now() - interval '2 days'",
    "update fleet_settings set stale_after_days = 1",
)
_FRESH = (
    "update node_presence set last_seen_at = now(), reasons = '{}', heartbeat_seconds = 60, generation = 1"
)
_ONLINE = (
    "update signing_keys set kind = 'online', retired_at = null, not_before = now() - interval '2 days', "
    "not_after = now() + interval '2 days'"
)
_WELL = "update reports set kind = 'applied'"
_REFUSED = (
    _REACHABLE,
    "update pipelines set deleted_at = null",
    "update node_presence set reasons = '{}'",
    "update reports set kind = 'refused', generation = 9e15::bigint",
    "update assignments set desired = 'run'",
)
_NODE_STATES = (
    Arrangement((_REACHABLE, *_STALE, _RESTING, "update nodes set duplicate_of = id"), _EVERY_NODE),
    Arrangement(
        (_REACHABLE, _FRESH, _WELL, "update bundles set generation = 9, issued_at = '2001-01-01'", _RESTING),
        _EVERY_NODE,
    ),
    Arrangement(
        (
            _REACHABLE,
            _FRESH,
            _RESTING,
            "update bundles set generation = 1",
            "update reports set kind = 'refused', generation = 9e15::bigint",
            "update assignments set desired = 'run'",
        ),
        _EVERY_NODE,
    ),
    Arrangement(
        (
            _REACHABLE,
            _FRESH,
            _RESTING,
            "update bundles set generation = 1",
            "update reports set kind = 'refused', generation = 9e15::bigint",
            _copied("reports", ":other", '{"sequence": 999999, "kind": "applied"}'),
            "update assignments set desired = 'run'",
        ),
        _EVERY_NODE,
    ),
    Arrangement((_REACHABLE, _FRESH, _WELL, _RESTING), _EVERY_NODE | {"maintenance": True}),
)
_FILED = "update pipelines set folder = 'f', tags = '{t}', deleted_at = null"
_IN_USE = "update revisions set secrets = '{s}', files = '{f}'"

ARRANGEMENTS: Mapping[tuple[str, str], Sequence[Arrangement]] = {
    ("alerts/store/incidents.py", "notification_take"): [
        Arrangement(("update notifications set state = 'sent' where organization_id = :mine",)),
    ],
    ("alerts/store/rules.py", "rule_channels_set"): [
        Arrangement(("update alert_rule_channels set rule_id = gen_random_uuid()",)),
    ],
    ("alerts/store/rules.py", "silent_nodes"): [
        Arrangement((_REACHABLE, "update nodes set enrolled_at = '2001-01-01'", _SILENT), {"seconds": 1}),
    ],
    ("alerts/store/rules.py", "failed_pipelines"): [
        Arrangement(
            (
                _REACHABLE,
                "update pipelines set deleted_at = null",
                "update node_presence set reasons = '{refused}', pipelines = json_build_array(json_build_object("
                "'id', (select id from pipelines limit 1), 'state', 'refused', 'message', 'no'))",
            )
        ),
        Arrangement((*_REFUSED, "update assignments set desired = 'stop' where organization_id = :mine")),
        Arrangement((*_REFUSED, "update nodes set revoked_at = now() where organization_id = :mine")),
        Arrangement((*_REFUSED, "update pipelines set deleted_at = now() where organization_id = :mine")),
        Arrangement((*_REFUSED, f"{_WELL} where organization_id = :mine")),
        Arrangement((*_REFUSED, _copied("reports", ":other", '{"sequence": 999999, "kind": "applied"}'))),
    ],
    ("alerts/store/rules.py", "failing_components"): [
        Arrangement(
            (
                "update pipelines set deleted_at = null",
                "update node_presence set errors_rate = 1",
                "update counter_runs set at = now(), received_at = now(), previous_at = now() - interval '1 minute', "
                """components = '[{"id": "c", "errors": 5}]', previous = '[]'""",
            ),
            {"per_minute": 0},
        ),
    ],
    ("audit/store.py", "audit_examined"): [Arrangement((), {"examined": 0})],
    ("audit/store.py", "audit_facets"): [
        Arrangement(
            (
                """update audit_records set actor = '{"kind": "person", "account_id": "a"}'""",
                "update audit_records set action = action || 'z', object_type = object_type || 'z', "
                """actor = '{"kind": "person", "account_id": "b"}' where organization_id = :other""",
            )
        ),
    ],
    ("audit/store.py", "audit_head_unsigned"): [Arrangement(("delete from audit_checkpoints",))],
    ("delivery/store.py", "rollout_node_page"): [
        Arrangement(
            (),
            {
                "states": "=select array_agg(distinct state) from rollout_nodes",
                "first": 1,
                "last": 2**31 - 1,
                "after_batch": 0,
            },
        ),
    ],
    ("delivery/store.py", "topic_environment"): [
        Arrangement((), {"kind": "nodes", "id": "=select id from environments"}),
        Arrangement((), {"kind": "rollout", "id": "=select id from rollouts"}),
        Arrangement(
            ("update pipelines set deleted_at = null",),
            {"kind": "pipeline", "id": "=select id from pipelines"},
        ),
    ],
    ("fleet/store/updates.py", "plan_answers"): [
        Arrangement(
            ("update statements set kind = 'update', arguments = json_build_object('plan', 'p')",),
            {"plan": "p", "counted_from": "2001-01-01"},
        ),
    ],
    ("fleet/store/assignments.py", "assignment_put"): [
        Arrangement((_REACHABLE, "update nodes set revoked_at = now() where organization_id = :mine")),
        Arrangement((_REACHABLE,)),
    ],
    ("fleet/store/assignments.py", "target_list"): [Arrangement((_REACHABLE,), _ALL_NODES)],
    ("fleet/store/bundles.py", "wanted_list"): [
        Arrangement((_REACHABLE, *more), {"node_ids": "=select array_agg(distinct id) from nodes"})
        for more in (
            [],
            ["update nodes set admission = 'pending' where organization_id = :mine"],
            [
                _copied("revisions", ":other", f'{{"id": "{_ANOTHER}", "number": 99}}'),
                "update assignments set previous_revision = 99",
            ],
        )
    ],
    ("fleet/store/bundles.py", "file_content"): [
        Arrangement(
            ("update bundles set hashes = array[(select encode(sha256, 'hex') from revisions limit 1)]",)
        ),
    ],
    ("fleet/store/bundles.py", "file_part"): [
        Arrangement(
            (
                "update bundles set hashes = array[(select encode(sha256, 'hex') from vault_file_parts limit 1)]",
            )
        ),
    ],
    ("fleet/store/bundles.py", "file_size"): [
        Arrangement(
            ("update bundles set hashes = array[(select encode(sha256, 'hex') from vault_files limit 1)]",)
        ),
    ],
    ("fleet/store/bundles.py", "secret_names_deployed"): [
        Arrangement((_REACHABLE, _IN_USE, "update assignments set desired = 'run'")),
    ],
    ("fleet/store/nodes.py", "node_machine_set"): [Arrangement((), {"hostname": "another"})],
    ("fleet/store/engines.py", "node_engines_set"): [Arrangement((), {"versions": ["new"]})],
    ("fleet/store/engines.py", "engine_list"): [
        Arrangement((_REACHABLE, "update nodes set engine_version = '1'"))
    ],
    ("fleet/store/groups.py", "drift_list"): [
        Arrangement(
            (
                _REACHABLE,
                _RESTING,
                "update deployments set requirements = '[]', desired = 'run'",
                "update assignments set desired = 'run'",
                "update pipelines set deleted_at = null",
                f"update rollouts set state = '{state}'",
                "update rollouts set state = 'done' where organization_id = :mine",
            ),
            {"node_ids": None, "pipeline_id": None},
        )
        for state in ("done", "running")
    ],
    ("fleet/store/lifecycle.py", "node_take_over"): [
        Arrangement(
            (_copied("nodes", ":other", f'{{"id": "{_ANOTHER}", "machine_id": "m"}}'),), {"old_id": _ANOTHER}
        ),
        Arrangement(),
    ],
    ("fleet/store/lifecycle.py", "node_overdue"): [
        Arrangement(
            (
                _REACHABLE,
                "update nodes set enrolled_at = now()",
                _SILENT,
                "update fleet_settings set decommission_after_days = 1",
            )
        ),
        Arrangement(
            (
                _REACHABLE,
                "update nodes set enrolled_at = '2001-01-01'",
                "update node_presence set last_seen_at = now()",
                "update fleet_settings set decommission_after_days = 1",
            )
        ),
    ],
    ("fleet/store/nodes.py", "node_list"): (
        *_NODE_STATES,
        Arrangement(
            (
                _REACHABLE,
                _copied("nodes", ":other", f'{{"id": "{_ANOTHER}", "name": "!", "machine_id": "m"}}'),
            ),
            _EVERY_NODE | {"limit": 1},
        ),
    ),
    ("fleet/store/nodes.py", "node_counts"): _NODE_STATES,
    ("fleet/store/nodes.py", "node_get"): _NODE_STATES,
    ("fleet/store/reports.py", "report_conflicts"): [
        Arrangement(
            (
                "update reports set kind = 'applied', at = '2001-01-01' where organization_id = :mine",
                "update reports set kind = 'refused' where organization_id = :other",
            ),
            {
                "nodes": "=select array_agg(node_id order by node_id, sequence) from reports where kind = 'applied'",
                "sequences": "=select array_agg(sequence order by node_id, sequence) from reports where kind = 'applied'",
                "kinds": f"=select array_agg('{kind}'::text) from reports where kind = 'applied'",
                "ats": "=select array_agg('2001-01-01'::timestamptz) from reports where kind = 'applied'",
                "runs": "=select array_agg(run order by node_id, sequence) from reports where kind = 'applied'",
            },
        )
        for kind in ("applied", "stopped")
    ],
    ("fleet/store/reports.py", "report_insert"): [
        Arrangement(
            (
                "update nodes set reports_removed_sequence = null where organization_id = :mine",
                "update nodes set reports_removed_sequence = 9e18::bigint, reports_removed_at = 'infinity' "
                "where organization_id = :other",
            )
        )
    ],
    ("fleet/store/reports.py", "report_newest_of"): [
        Arrangement(("update reports set generation = 9e15::bigint",))
    ],
    ("fleet/store/statements.py", "statement_to_tell"): [
        Arrangement(
            (
                r"update statements set envelope = '\x01', signed_until = now() + interval '1 day'",
                "update statements set state = 'signed'",
            )
        ),
    ],
    ("fleet/store/tokens.py", "enrolment_token_use"): [
        Arrangement(
            (
                "update enrolment_tokens set uses = 0, max_uses = 9, revoked_at = null, expires_at = 'infinity'",
                "update organizations set suspended_at = null, suspended_reason = null, deletion_requested_at = null, "
                "deletion_due_at = null, deletion_requested_by = null",
                *(
                    ["update organizations set suspended_at = now(), suspended_reason = 'r' where id = :mine"]
                    if suspended
                    else []
                ),
            )
        )
        for suspended in (False, True)
    ],
    ("fleet/store/tokens.py", "node_token_held"): [
        Arrangement(
            (
                "update node_tokens set revoked_at = null",
                "update node_tokens set created_at = 'infinity', first_used_at = now() where organization_id = :other",
            )
        ),
    ],
    ("keys/store/data_keys.py", "data_keys_forgotten_at"): [
        Arrangement(
            (
                "update data_keys set wrapped = decode(repeat('00', 48), 'hex'), destroyed_at = '2100-01-01', "
                "retired_at = now() where organization_id = :other",
            )
        ),
    ],
    ("keys/store/own_keys.py", "own_key_activate"): [
        Arrangement(
            (
                "update customer_keys set state = 'active', ended_at = null",
                _copied("customer_keys", ":mine", f'{{"id": "{_ANOTHER}", "state": "named"}}'),
                _copied("customer_keys", ":other", f'{{"id": "{_ANOTHER}", "state": "named"}}'),
            ),
            {"id": _ANOTHER},
        ),
        Arrangement(
            (
                "update customer_keys set state = 'active', ended_at = null",
                _copied("customer_keys", ":other", f'{{"id": "{_ANOTHER}", "state": "named"}}'),
            ),
            {"id": _ANOTHER},
        ),
        Arrangement(("update customer_keys set state = 'named', ended_at = null",)),
    ],
    ("keys/store/own_keys.py", "own_key_end"): [
        Arrangement(("update customer_keys set state = 'active', ended_at = null",)),
    ],
    ("keys/store/own_keys.py", "own_key_credential_swap"): [
        Arrangement((r"update customer_keys set credential = '\x01" + "00" * 40 + "'",)),
    ],
    ("keys/store/signing_keys.py", "signing_key_retire_expired"): [
        Arrangement(
            (
                "update signing_keys set kind = 'online', retired_at = null, not_after = now() - interval '1 hour'",
            ),
            {"now": dt.datetime.now(dt.UTC)},
        ),
    ],
    ("keys/store/signing_keys.py", "signing_key_online"): [
        Arrangement(
            (
                _ONLINE,
                "update key_lists set version = 1 where organization_id = :mine",
                "update key_lists set version = 2 where organization_id = :other",
            ),
            {"now": dt.datetime.now(dt.UTC)},
        ),
        Arrangement(
            (
                _ONLINE,
                "update signing_keys set not_before = not_before + interval '1 day', "
                f"public = decode('{'ab' * 32}', 'hex') where organization_id = :other",
            ),
            {"now": dt.datetime.now(dt.UTC)},
        ),
    ],
    ("library/store.py", "engine_schema_list"): [
        Arrangement((f"update engine_schemas set id = '{_ANOTHER}' where organization_id = :other",)),
    ],
    ("library/store.py", "engine_schema_get"): [
        Arrangement((f"update engine_schemas set id = '{_ANOTHER}' where organization_id = :other",)),
    ],
    ("library/store.py", "engine_schemas_known"): [
        Arrangement(
            (
                _copied(
                    "engine_schemas", ":mine", f'{{"id": "{_LAST}", "content_sha256": "\\\\x{"01" * 32}"}}'
                ),
                "delete from engine_schema_nodes where organization_id = :mine",
                f"update engine_schema_nodes set schema_id = '{_LAST}'",
            )
        ),
        Arrangement(),
    ],
    ("pipelines/filing/store.py", "folder_counts"): [Arrangement((_FILED,))],
    ("pipelines/filing/store.py", "tag_counts"): [Arrangement((_FILED,))],
    ("pipelines/store.py", "revision_references"): [Arrangement((_IN_USE,))],
    ("pipelines/store.py", "revision_files"): [Arrangement((_IN_USE,))],
    ("telemetry/store.py", "run_list"): [Arrangement(("update node_presence set heartbeat_seconds = 77",))],
    ("telemetry/store.py", "series"): [
        Arrangement(
            (
                "update counters set output = '', at = now() - interval '1 minute', since = now(), "
                "received_events = 7",
            ),
            {"minutes": 60, "metric": "received", "bucket": 60, "components": _COMPONENTS},
        ),
    ],
    ("telemetry/store.py", "time_series"): [
        Arrangement(
            (
                "update counters set output = '', at = now() - interval '1 minute', since = now(), "
                "latency_events = 7, latency_us = 70",
            ),
            {"minutes": 60, "metric": "latency", "bucket": 60, "components": _COMPONENTS},
        ),
    ],
    ("telemetry/store.py", "share_series"): [
        Arrangement(
            ("update counters set output = '', at = now() - interval '1 minute', utilization = 0.5",),
            {"minutes": 60, "metric": "utilization", "bucket": 60, "components": _COMPONENTS},
        ),
    ],
    ("telemetry/store.py", "host_series"): [
        Arrangement(
            ("update host_metrics set at = now() - interval '1 minute'",), {"minutes": 60, "bucket": 60}
        ),
    ],
    ("telemetry/taps/store/taps.py", "tap_node_list"): [
        Arrangement(
            (
                "update statements set kind = 'tap', state = 'done', "
                "node_id = (select node_id from tap_nodes order by tap_id, node_id limit 1), "
                "arguments = json_build_object('tap', (select tap_id from tap_nodes order by tap_id, node_id limit 1))",
                "update statements set state = 'refused' where organization_id = :other",
                "update tap_nodes set ended = ''",
            ),
            {"tap_ids": "=select array_agg(distinct tap_id) from tap_nodes"},
        ),
    ],
    ("telemetry/taps/store/taps.py", "batch_take"): [
        Arrangement((_copied("tap_batches", ":other", f'{{"id": "{_ANOTHER}"}}'),), {"limit": 1}),
    ],
    ("telemetry/taps/store/taps.py", "relay_key_swap"): [
        Arrangement((r"update taps set ended_at = null, relay_key = '\x01" + "00" * 40 + "'",)),
    ],
    ("tenancy/lifecycle/store.py", "organization_resume"): [
        Arrangement(("update organizations set suspended_at = now(), suspended_reason = 'r'",)),
    ],
    ("tenancy/lifecycle/store.py", "deletion_request"): [
        Arrangement(
            (
                "update organizations set deletion_requested_at = null, deletion_due_at = null, "
                "deletion_requested_by = null",
            )
        ),
    ],
    ("vault/store/certificates.py", "certificate_key_swap"): [
        Arrangement((r"update certificate_versions set private_key = '\x01" + "00" * 40 + "'",)),
    ],
    ("vault/store/files.py", "content_delete_unused"): [
        Arrangement(("update vault_files set created_at = '2001-01-01'", *unused), {"kept": []})
        for unused in (
            ["delete from certificate_versions"],
            ["delete from lookup_file_versions"],
            ["delete from certificate_versions", "delete from lookup_file_versions"],
        )
    ],
    ("vault/store/secrets.py", "secret_state_list"): [
        Arrangement(("update secrets set expires_at = '2001-01-01', told_state = 'ok'",)),
    ],
    ("vault/store/stores.py", "outside_told"): [Arrangement((), {"version": "new"})],
    ("vault/store/uses.py", "use_stale_list"): [Arrangement(("update vault_uses set stale = true",))],
    ("vault/store/uses.py", "waiting_list"): [
        Arrangement(
            (
                "update secret_destinations a set (secret_name, environment_id, component_type, option_path, "
                "destination) = (select d.secret_name, d.environment_id, d.component_type, d.option_path, "
                "d.destination from secret_draft_uses d where d.organization_id = a.organization_id)",
            )
        ),
    ],
    ("vault/store/variables.py", "variable_list_sealed"): [
        Arrangement((r"update variables set value = '', sealed = '\x01" + "00" * 40 + "'",)),
    ],
    ("vault/store/variables.py", "variable_value_swap"): [
        Arrangement((r"update variables set value = '', sealed = '\x01" + "00" * 40 + "'",)),
    ],
}
