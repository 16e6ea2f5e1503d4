"""What is written into an organisation's log: the actions and the entry that carries one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from vectorflow.kernel.actor import Actor


class AuditAction(StrEnum):
    """Everything that is recorded. Names are `<noun>.<past>`; a name is never reused."""

    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_RENAMED = "organization.renamed"
    ORGANIZATION_SUSPENDED = "organization.suspended"
    ORGANIZATION_RESUMED = "organization.resumed"
    ORGANIZATION_EXPORTED = "organization.exported"
    ORGANIZATION_EXPORT_FETCHED = "organization.export-fetched"
    ORGANIZATION_DELETION_REQUESTED = "organization.deletion-requested"
    ORGANIZATION_DELETION_CANCELLED = "organization.deletion-cancelled"
    ORGANIZATION_ERASED = "organization.erased"
    TEAM_CREATED = "team.created"
    ENVIRONMENT_CREATED = "environment.created"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    SESSION_OPENED = "session.opened"
    SESSION_REFUSED = "session.refused"
    SESSION_REVOKED = "session.revoked"
    PIPELINE_CREATED = "pipeline.created"
    PIPELINE_UPDATED = "pipeline.updated"
    PIPELINE_FILED = "pipeline.filed"
    PIPELINE_DELETED = "pipeline.deleted"
    PIPELINE_STOPPED = "pipeline.stopped"
    REVISION_CREATED = "revision.created"
    ROLLOUT_STARTED = "rollout.started"
    ROLLOUT_PAUSED = "rollout.paused"
    ROLLOUT_RESUMED = "rollout.resumed"
    ROLLOUT_CANCELLED = "rollout.cancelled"
    ROLLOUT_HALTED = "rollout.halted"
    ROLLOUT_DONE = "rollout.done"
    NODE_ENROLLED = "node.enrolled"
    NODE_REVOKED = "node.revoked"
    TAP_OPENED = "tap.opened"
    TAP_ENDED = "tap.ended"
    CAPTURE_SAVED = "capture.saved"
    CAPTURE_READ = "capture.read"
    CAPTURE_ERASED = "capture.erased"
    CHANNEL_CREATED = "channel.created"
    CHANNEL_UPDATED = "channel.updated"
    CHANNEL_DELETED = "channel.deleted"
    CHANNEL_TESTED = "channel.tested"
    ALERT_RULE_CREATED = "alert-rule.created"
    ALERT_RULE_UPDATED = "alert-rule.updated"
    ALERT_RULE_DELETED = "alert-rule.deleted"
    INCIDENT_ACKNOWLEDGED = "incident.acknowledged"
    POLICY_RULE_CREATED = "policy-rule.created"
    POLICY_RULE_UPDATED = "policy-rule.updated"
    POLICY_RULE_DELETED = "policy-rule.deleted"
    TEMPLATE_CREATED = "template.created"
    TEMPLATE_DELETED = "template.deleted"
    SNIPPET_CREATED = "snippet.created"
    SNIPPET_UPDATED = "snippet.updated"
    SNIPPET_DELETED = "snippet.deleted"
    ENGINE_SCHEMA_RECEIVED = "engine-schema.received"
    ENGINE_SCHEMA_CONFIRMED = "engine-schema.confirmed"
    ENGINE_SCHEMA_DELETED = "engine-schema.deleted"
    NODE_ADMITTED = "node.admitted"
    NODE_REJECTED = "node.rejected"
    NODE_CHANGED = "node.changed"
    NODE_MERGED = "node.merged"
    NODE_DUPLICATE_KEPT = "node.duplicate-kept"
    NODE_CLONE_SUSPECTED = "node.clone-suspected"
    NODE_TOKEN_ROTATED = "node.token-rotated"  # noqa: S105 - an action, not a token
    NODE_DECOMMISSION_REQUESTED = "node.decommission-requested"
    NODE_DECOMMISSION_CANCELLED = "node.decommission-cancelled"
    NODE_DECOMMISSIONED = "node.decommissioned"
    STATEMENT_REQUESTED = "statement.requested"
    UPDATE_PLANNED = "update.planned"
    UPDATE_CHANGED = "update.changed"
    NODE_GROUP_CREATED = "node-group.created"
    NODE_GROUP_CHANGED = "node-group.changed"
    NODE_GROUP_DELETED = "node-group.deleted"
    FLEET_SETTINGS_CHANGED = "fleet-settings.changed"
    SECRETS_ON_NODES_CHANGED = "secrets-on-nodes.changed"
    DRIFT_CONFIRMED = "drift.confirmed"
    ENROLMENT_TOKEN_CREATED = "enrolment-token.created"  # noqa: S105 - an action, not a token
    ENROLMENT_TOKEN_REVOKED = "enrolment-token.revoked"  # noqa: S105
    SECRET_CREATED = "secret.created"  # noqa: S105
    SECRET_UPDATED = "secret.updated"  # noqa: S105
    SECRET_DELETED = "secret.deleted"  # noqa: S105
    SECRET_REFUSED = "secret.refused"  # noqa: S105
    SECRET_SETTINGS_CHANGED = "secret.settings-changed"  # noqa: S105
    SECRET_DUE = "secret.due"  # noqa: S105
    SECRET_EXPIRED = "secret.expired"  # noqa: S105
    SECRET_DESTINATION_APPROVED = "secret.destination-approved"  # noqa: S105
    SECRET_DESTINATION_REVOKED = "secret.destination-revoked"  # noqa: S105
    SECRET_STORE_CREATED = "secret-store.created"  # noqa: S105
    SECRET_STORE_UPDATED = "secret-store.updated"  # noqa: S105
    SECRET_STORE_DELETED = "secret-store.deleted"  # noqa: S105
    VARIABLE_CREATED = "variable.created"
    VARIABLE_UPDATED = "variable.updated"
    VARIABLE_DELETED = "variable.deleted"
    CERTIFICATE_CREATED = "certificate.created"
    CERTIFICATE_UPDATED = "certificate.updated"
    CERTIFICATE_DELETED = "certificate.deleted"
    CERTIFICATE_DUE = "certificate.due"
    CERTIFICATE_EXPIRED = "certificate.expired"
    LOOKUP_FILE_CREATED = "lookup-file.created"
    LOOKUP_FILE_UPDATED = "lookup-file.updated"
    LOOKUP_FILE_DELETED = "lookup-file.deleted"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_ERASED = "account.erased"
    EGRESS_STARTED = "egress.started"
    EGRESS_FINISHED = "egress.finished"
    DATA_KEY_CREATED = "data-key.created"
    DATA_KEY_ROTATION_ASKED = "data-key.rotation-asked"
    DATA_KEY_ROTATED = "data-key.rotated"
    DATA_KEY_REWRAPPED = "data-key.rewrapped"
    DATA_KEYS_SHREDDED = "data-keys.shredded"
    CUSTOMER_KEY_NAMED = "customer-key.named"
    CUSTOMER_KEY_REFUSED = "customer-key.refused"
    CUSTOMER_KEY_ACTIVATED = "customer-key.activated"
    CUSTOMER_KEY_ENDED = "customer-key.ended"
    SIGNING_KEY_CREATED = "signing-key.created"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    RELEASES_IMPORTED = "releases.imported"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done, collected by the transaction that does it.

    `summary` is a sentence for people. `before` and `after` hold the fields that changed; audit
    redacts what is named like a secret, but callers must not put a secret there at all.
    """

    action: AuditAction
    actor: Actor
    object_type: str
    object_id: str
    summary: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
