"""A node's runs of a pipeline are bounded: of more than sixteen the older ones become one, with the sums of all.

Nothing removed a run, every reader of rates read them all, and a node makes one by naming another beginning of its
counters. Totals are sums over all runs, so they stay what they are.
"""

from alembic import op

revision = "0044"
down_revision = "0043"

SQL = r"""
grant delete on counter_runs to vf_presence;
grant create on schema vf to vf_presence;
set local role vf_presence;

-- Keeps the newest counters of a flush by the server's clock. What is older than stored, or of a pipeline that was
-- never assigned to the node, is left out; counters that were not read anew leave the ones before in place. Where a run
-- began and more than 16 are there, the 8 newest stay and the oldest takes the sums of the others; it keeps as many
-- components and outputs as a heartbeat may have, those with the most events.
create or replace function vf.counters_update(beats json) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organizations uuid[];
    pipelines uuid[];
    nodes uuid[];
    long record;
begin
    with written as (
        insert into public.counter_runs as r
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
        where r.received_at < excluded.received_at and r.at <> excluded.at
        returning r.organization_id, r.pipeline_id, r.node_id, r.xmax = 0 as began)
    select array_agg(w.organization_id), array_agg(w.pipeline_id), array_agg(w.node_id)
    into organizations, pipelines, nodes from written w where w.began;
    if nodes is null then
        return;
    end if;
    for long in
        select r.organization_id, r.pipeline_id, r.node_id
        from (select distinct * from unnest(organizations, pipelines, nodes)
              as u (organization_id, pipeline_id, node_id)) as u
        join public.counter_runs r using (organization_id, pipeline_id, node_id)
        group by 1, 2, 3 having count(*) > 16 order by 1, 2, 3
    loop
        -- Held before they are read, so that two gateways never sum the same twice.
        perform 1 from public.counter_runs r
        where r.organization_id = long.organization_id and r.pipeline_id = long.pipeline_id
          and r.node_id = long.node_id
        order by r.since for update;
        with run as (
            select r.since, r.components,
                row_number() over (order by r.received_at desc, r.since desc) as place,
                row_number() over (order by r.received_at, r.since) = 1 as oldest
            from public.counter_runs r
            where r.organization_id = long.organization_id and r.pipeline_id = long.pipeline_id
              and r.node_id = long.node_id),
        old as materialized (select since, components, oldest from run where place > 8),
        told as materialized (
            select c.* from old cross join lateral json_to_recordset(
                case json_typeof(old.components) when 'array' then old.components else '[]'::json end) as c (
                id text, kind text, type text, received_events numeric, received_bytes numeric, sent_events json,
                sent_bytes numeric, errors numeric, discarded numeric, discarded_unintentional numeric)
            where c.id is not null),
        output as (
            select t.id, p.key as name, least(sum(p.value::numeric), 9223372036854775807) as events
            from told t cross join lateral json_each_text(t.sent_events) as p
            group by 1, 2 order by 3 desc, 1, 2 limit 5000),
        outputs as (select o.id, json_object_agg(o.name, o.events) as sent from output o group by 1),
        component as (
            select t.id, coalesce(max(t.kind), '') as kind, coalesce(max(t.type), '') as type,
                least(coalesce(sum(t.received_events), 0), 9223372036854775807) as received_events,
                least(coalesce(sum(t.received_bytes), 0), 9223372036854775807) as received_bytes,
                least(coalesce(sum(t.sent_bytes), 0), 9223372036854775807) as sent_bytes,
                least(coalesce(sum(t.errors), 0), 9223372036854775807) as errors,
                least(coalesce(sum(t.discarded), 0), 9223372036854775807) as discarded,
                least(coalesce(sum(t.discarded_unintentional), 0), 9223372036854775807) as discarded_unintentional
            from told t group by 1
            order by sum(t.received_events) desc nulls last, 1 limit 1000),
        summed as (
            select coalesce(json_agg(json_build_object(
                'id', c.id, 'kind', c.kind, 'type', c.type, 'received_events', c.received_events,
                'received_bytes', c.received_bytes, 'sent_events', coalesce(o.sent, '{}'::json),
                'sent_bytes', c.sent_bytes, 'errors', c.errors, 'discarded', c.discarded,
                'discarded_unintentional', c.discarded_unintentional)), '[]'::json) as components
            from component c left join outputs o using (id)),
        gone as (
            delete from public.counter_runs r using old
            where r.organization_id = long.organization_id and r.pipeline_id = long.pipeline_id
              and r.node_id = long.node_id and r.since = old.since and not old.oldest)
        update public.counter_runs r set components = summed.components, previous = null, previous_at = null
        from old, summed
        where r.organization_id = long.organization_id and r.pipeline_id = long.pipeline_id
          and r.node_id = long.node_id and r.since = old.since and old.oldest;
    end loop;
end;
$$;
set local role vf_owner;
revoke create on schema vf from vf_presence;
"""


def upgrade() -> None:
    """Fold the runs of a node where it has many."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
