"""Reports end after some time, but for those that still say something.

Until now they stayed for good. `vf.reports_expire` is the one way to remove them beside the end of their organisation:
both belong to `vf_eraser`, which `vf.refuse_change` lets by. A node keeps the number and the time up to which reports
of it were removed, so that one that is sent again much later is still known.
"""

from alembic import op

revision = "0047"
down_revision = "0046"

# Of tables that are written to all the time, so without a lock that holds writers up. What an attempt that failed left
# behind goes first.
INDEXES = (
    "drop index if exists reports_received",
    "create index concurrently reports_received on reports (organization_id, received_at)",
    "drop index if exists rollout_nodes_report",
    "create index concurrently rollout_nodes_report on rollout_nodes "
    "(organization_id, node_id, report_sequence, report_run) where report_sequence is not null",
)

SQL = r"""
alter table nodes
    add column reports_removed_sequence bigint,
    add column reports_removed_at timestamptz;
grant update (reports_removed_sequence, reports_removed_at) on nodes to vf_eraser;

-- Looks at so many reports of the organisation in scope that were taken after a moment and are older than so many
-- days, at least 30, and removes those that say nothing any more. Stays what decided a node's part in a rollout, and a
-- node's newest report on each pipeline and on the whole. Returns how many were removed, and the moment up to which it
-- looked: none when there was nothing to look at.
create function vf.reports_expire(
    days integer, after timestamptz, wanted integer, out removed bigint, out until timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
begin
    if organization is null then
        raise exception 'the end of reports needs an organisation' using errcode = '42501';
    end if;
    with old as materialized (
        select r.node_id, r.sequence, r.run, r.pipeline_id, r.at, r.received_at from public.reports r
        where r.organization_id = organization and r.received_at > after
          and r.received_at < now() - make_interval(days => greatest(days, 30))
        order by r.received_at fetch first (wanted) rows with ties),
    -- The greatest number of each, by the end of an index.
    newest as materialized (
        select p.node_id, p.pipeline_id, case when p.pipeline_id is null
            then (select max(r.sequence) from public.reports r where r.organization_id = organization
                and r.pipeline_id is null and r.node_id = p.node_id)
            else (select max(r.sequence) from public.reports r where r.organization_id = organization
                and r.pipeline_id = p.pipeline_id and r.node_id = p.node_id) end as sequence
        from (select distinct o.node_id, o.pipeline_id from old o) p),
    leaving as materialized (
        select o.node_id, o.sequence, o.run, least(o.at, o.received_at + interval '1 day') as at
        from old o
        join newest n on n.node_id = o.node_id and n.pipeline_id is not distinct from o.pipeline_id
        where o.sequence < n.sequence and not exists (
            select from public.rollout_nodes rn where rn.organization_id = organization
              and rn.node_id = o.node_id and rn.report_sequence = o.sequence and rn.report_run = o.run)),
    marks as (
        select l.node_id, max(l.sequence) as sequence, max(l.at) as at from leaving l group by l.node_id),
    locked as (
        select n.id from public.nodes n
        where n.organization_id = organization and n.id in (select node_id from marks)
        order by n.id for no key update),
    marked as (
        update public.nodes n set
            reports_removed_sequence = greatest(n.reports_removed_sequence, m.sequence),
            reports_removed_at = greatest(n.reports_removed_at, m.at)
        from marks m, locked
        where n.organization_id = organization and n.id = m.node_id and locked.id = n.id),
    gone as (
        delete from public.reports r using leaving l
        where r.organization_id = organization and r.node_id = l.node_id and r.sequence = l.sequence
          and r.run = l.run
        returning 1)
    select (select count(*) from gone), (select max(o.received_at) from old o) into removed, until;
end;
$$;
revoke all on function vf.reports_expire(integer, timestamptz, integer) from public;
grant execute on function vf.reports_expire(integer, timestamptz, integer) to vf_worker;
grant create on schema vf to vf_eraser;
alter function vf.reports_expire(integer, timestamptz, integer) owner to vf_eraser;
revoke create on schema vf from vf_eraser;
"""


def upgrade() -> None:
    """Give reports an end."""
    with op.get_context().autocommit_block():
        for statement in INDEXES:
            op.execute(statement)
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
