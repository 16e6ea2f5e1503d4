"""Counters over time, and the newest counters of every pipeline on every node.

Tables of telemetry have no foreign keys: organisation and node come from the authenticated token. Partitions are
never granted; they are made and dropped by one definer function that only the worker may call.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = r"""
-- Cumulative counters as they were at `at`; `output` is empty for the component as a whole.
create table counters (
    organization_id uuid not null,
    pipeline_id uuid not null,
    component_id text not null,
    output text not null,
    node_id uuid not null,
    at timestamptz not null,
    since timestamptz not null,
    received_events bigint not null,
    received_bytes bigint not null,
    sent_events bigint not null,
    sent_bytes bigint not null,
    errors bigint not null,
    discarded bigint not null,
    primary key (organization_id, pipeline_id, component_id, output, node_id, at)
) partition by range (at);
comment on column counters.component_id is 'plain: a name in the document';
comment on column counters.output is 'plain: a name in the document';
select vf.protect('counters', array['select']);
grant insert on counters to vf_telemetry;

-- One row for each time the counters of a pipeline on a node began at zero: the newest counters since then, and
-- those of the heartbeat before. Totals are sums over all rows, rates come from the newest row of each node.
create table counter_runs (
    organization_id uuid not null,
    pipeline_id uuid not null,
    node_id uuid not null,
    since timestamptz not null,
    at timestamptz not null,
    components json not null,
    previous_at timestamptz,
    previous json,
    received_at timestamptz not null,
    primary key (organization_id, pipeline_id, node_id, since)
) with (fillfactor = 50);
comment on column counter_runs.components is 'plain: event counters of each component';
comment on column counter_runs.previous is 'plain: event counters of each component';
select vf.protect('counter_runs', array['select']);
create policy presence on counter_runs for all to vf_presence using (true) with check (true);
grant select, insert, update on counter_runs to vf_presence;
"""

FUNCTIONS = r"""
-- Keeps the newest counters of a flush by the server's clock. What is older than stored, or of a pipeline that was
-- never assigned to the node, is left out; counters that were not read anew leave the ones before in place.
create function vf.counters_update(beats json) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.counter_runs as r
       (organization_id, pipeline_id, node_id, since, at, components, received_at)
   select b.organization_id, b.pipeline_id, b.node_id, b.since, b.at, b.components, b.received_at
   from json_to_recordset(beats) as b (
       organization_id uuid, pipeline_id uuid, node_id uuid, since timestamptz, at timestamptz,
       components json, received_at timestamptz)
   where exists (select 1 from public.assignments a where a.organization_id = b.organization_id
                 and a.node_id = b.node_id and a.pipeline_id = b.pipeline_id)
   on conflict (organization_id, pipeline_id, node_id, since) do update set
       previous_at = r.at, previous = r.components,
       at = excluded.at, components = excluded.components, received_at = excluded.received_at
   where r.received_at < excluded.received_at and r.at <> excluded.at $$;

-- Makes the partitions of the days ahead and drops those past the retention, at least two days.
create function vf.counters_upkeep(days_ahead integer, days_kept integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    day date;
    old record;
    changed integer := 0;
begin
    for day in select generate_series(current_date - 1, current_date + least(days_ahead, 31), interval '1 day') loop
        if to_regclass('public.counters_' || to_char(day, 'YYYYMMDD')) is null then
            execute format('create table public.%I partition of public.counters for values from (%L) to (%L)',
                           'counters_' || to_char(day, 'YYYYMMDD'), day, day + 1);
            changed := changed + 1;
        end if;
    end loop;
    for old in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.counters'::regclass
          and c.relname < 'counters_' || to_char(current_date - greatest(days_kept, 2), 'YYYYMMDD')
    loop
        execute format('drop table public.%I', old.relname);
        changed := changed + 1;
    end loop;
    return changed;
end;
$$;
select vf.counters_upkeep(14, 30);
revoke all on function vf.counters_upkeep(integer, integer) from public;
grant execute on function vf.counters_upkeep(integer, integer) to vf_worker;
do $$
begin
    grant create on schema vf to vf_presence;
    revoke all on function vf.counters_update(json) from public;
    grant execute on function vf.counters_update(json) to vf_telemetry;
    alter function vf.counters_update(json) owner to vf_presence;
    revoke create on schema vf from vf_presence;
end;
$$;
"""


def upgrade() -> None:
    """Create the tables of the room telemetry and the functions that write and keep them."""
    for statements in (TABLES, FUNCTIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
