"""One trigger for whatever is sealed to nodes, so that no role may call its function by hand."""

from alembic import op

revision = "0023"
down_revision = "0022"

SQL = r"""
-- Runs with the rights and the scope of whoever changed the variable, or noted what a store told.
create function vf.lent_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    touched integer;
    named text := case when tg_table_name = 'variables' then 'var.' || new.name else new.name end;
begin
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    where n.organization_id = new.organization_id and n.environment_id = new.environment_id
      and n.revoked_at is null and exists (
        select 1 from public.assignments a
        join public.revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
            and r.number = a.revision
        where a.organization_id = n.organization_id and a.node_id = n.id and named = any(r.secrets));
    get diagnostics touched = row_count;
    if touched > 0 then
        perform pg_notify('vectorflow', json_build_object(
            'topic', 'fleet.assignments', 'organization_id', new.organization_id)::text);
    end if;
    return null;
end;
$$;
revoke all on function vf.lent_changed() from public;

drop trigger variable_changed on variables;
drop function vf.variable_changed();
create trigger variable_inserted after insert on variables
    for each row when (new.sealed is not null) execute function vf.lent_changed();
create trigger variable_changed after update of version on variables
    for each row when (new.sealed is not null) execute function vf.lent_changed();

drop trigger outside_changed on secrets;
drop function vf.outside_changed();
create trigger outside_changed after update of outside_version on secrets
    for each row when (new.outside_version is distinct from old.outside_version)
    execute function vf.lent_changed();
drop function vf.sealed_changed(uuid, text);
"""


def upgrade() -> None:
    """Let only triggers say that what is lent changed."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
