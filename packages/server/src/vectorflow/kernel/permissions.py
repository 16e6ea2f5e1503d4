"""Every permission there is. Routes declare one; who has which stands in tenancy's policy table."""

from enum import StrEnum


class Permission(StrEnum):
    """What somebody may do. Names are `<noun>.<verb>`; a name never changes its meaning."""

    ORGANIZATION_READ = "organization.read"
    ORGANIZATION_MANAGE = "organization.manage"
    ORGANIZATION_EXPORT = "organization.export"
    ORGANIZATION_DELETE = "organization.delete"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    TEAM_MANAGE = "team.manage"
    AUDIT_READ = "audit.read"
    ENVIRONMENT_READ = "environment.read"
    ENVIRONMENT_MANAGE = "environment.manage"
    POLICY_MANAGE = "policy.manage"
    PIPELINE_READ = "pipeline.read"
    PIPELINE_EDIT = "pipeline.edit"
    PIPELINE_DEPLOY = "pipeline.deploy"
    LIBRARY_EDIT = "library.edit"
    REVISION_READ = "revision.read"
    ROLLOUT_READ = "rollout.read"
    ROLLOUT_CONTROL = "rollout.control"
    NODE_READ = "node.read"
    NODE_MANAGE = "node.manage"
    ENGINE_MANAGE = "engine.manage"
    NODE_RESTART = "node.restart"
    NODE_ADMIT = "node.admit"
    NODE_UPDATE = "node.update"
    NODE_LABEL = "node.label"
    NODE_DECOMMISSION = "node.decommission"
    GROUP_MANAGE = "group.manage"
    MAINTENANCE_MANAGE = "maintenance.manage"
    ENROLMENT_MANAGE = "enrolment.manage"
    SECRET_READ = "secret.read"  # noqa: S105 - the permission to see names, never values
    SECRET_WRITE = "secret.write"  # noqa: S105
    SECRET_USE = "secret.use"  # noqa: S105
    KEYS_READ = "keys.read"
    KEYS_MANAGE = "keys.manage"
    VARIABLE_READ = "variable.read"
    VARIABLE_WRITE = "variable.write"
    CERTIFICATE_READ = "certificate.read"
    CERTIFICATE_WRITE = "certificate.write"
    LOOKUP_FILE_READ = "lookup-file.read"
    LOOKUP_FILE_WRITE = "lookup-file.write"
    TELEMETRY_READ = "telemetry.read"
    LOG_READ = "log.read"
    TAP_USE = "tap.use"
    ALERT_READ = "alert.read"
    ALERT_MANAGE = "alert.manage"
    SESSION_OWN = "session.own"

    @property
    def reads(self) -> bool:
        """Whether it is only to look; what is not is refused while an organisation is suspended."""
        return self.value.endswith(".read") or self is Permission.SESSION_OWN
