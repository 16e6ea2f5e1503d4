"""Changes that touch many nodes lock them in the order of their ids, as an order to them does.

In the order of the plan, two that met had locked what the other one waited for, and PostgreSQL ended one of them.
"""

from alembic import op

revision = "0045"
down_revision = "0044"

SQL = r"""
create or replace function vf.lent_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    touched integer;
    named text := case when tg_table_name = 'variables' then 'var.' || new.name else new.name end;
begin
    with locked as (
        select n.id from public.nodes n
        where n.organization_id = new.organization_id and n.environment_id = new.environment_id
          and n.revoked_at is null and exists (
            select 1 from public.assignments a
            join public.revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
                and r.number = a.revision
            where a.organization_id = n.organization_id and a.node_id = n.id and named = any(r.secrets))
        order by n.id for no key update of n)
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    from locked where n.organization_id = new.organization_id and n.id = locked.id;
    get diagnostics touched = row_count;
    if touched > 0 then
        perform pg_notify('vectorflow', json_build_object(
            'topic', 'fleet.assignments', 'organization_id', new.organization_id)::text);
    end if;
    return null;
end;
$$;

create or replace function vf.max_offline_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    with locked as (
        select n.id from public.nodes n where n.organization_id = new.id and n.revoked_at is null
        order by n.id for no key update)
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    from locked where n.organization_id = new.id and n.id = locked.id;
    perform pg_notify('vectorflow', json_build_object(
        'topic', 'fleet.assignments', 'organization_id', new.id)::text);
    return null;
end;
$$;
"""


def upgrade() -> None:
    """Lock nodes in the order of their ids."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
