"""How long nodes of an organisation may keep secrets without a newer bundle; nobody's nodes are limited until it says so."""

from alembic import op

revision = "0040"
down_revision = "0039"

SQL = r"""
alter table organizations
    add column max_offline_seconds integer check (max_offline_seconds between 3600 and 7776000),
    add column max_offline_version integer not null default 0;
grant update (max_offline_seconds, max_offline_version) on organizations to vf_app;

-- Every bundle says it, so every node gets another one. Runs with the rights and the scope of whoever changed it.
create function vf.max_offline_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    where n.organization_id = new.id and n.revoked_at is null;
    perform pg_notify('vectorflow', json_build_object(
        'topic', 'fleet.assignments', 'organization_id', new.id)::text);
    return null;
end;
$$;
revoke all on function vf.max_offline_changed() from public;
create trigger max_offline_changed after update of max_offline_seconds on organizations
    for each row when (new.max_offline_seconds is distinct from old.max_offline_seconds)
    execute function vf.max_offline_changed();
"""


def upgrade() -> None:
    """Add the columns and the trigger."""
    op.get_bind().exec_driver_sql(SQL)
