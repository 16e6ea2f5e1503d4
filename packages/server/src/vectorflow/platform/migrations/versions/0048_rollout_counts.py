"""A rollout keeps how many of its nodes stand in each state, by batch: a list of a hundred large ones counted a million rows.

The database counts whenever nodes of a rollout change, so that it also holds for what the version before writes. All who
change nodes of a rollout hold its row.
"""

from alembic import op

revision = "0048"
down_revision = "0047"

SQL = r"""
-- In the order in which a rollout's own changes take them.
lock table rollouts in access exclusive mode;
lock table rollout_nodes in access exclusive mode;
alter table rollouts add column counts jsonb not null default '[]';
comment on column rollouts.counts is 'plain: how many nodes stand in each state, by batch';

create function vf.rollout_counted() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    update public.rollouts r set counts = (
        select json_agg(c order by c.batch, c.state)::jsonb from (
            select n.batch, n.state, count(*) as nodes from public.rollout_nodes n
            where n.organization_id = r.organization_id and n.rollout_id = r.id
            group by n.batch, n.state) c)
    where (r.organization_id, r.id) in (select organization_id, rollout_id from changed);
    return null;
end;
$$;
revoke all on function vf.rollout_counted() from public;
create trigger counted_new after insert on rollout_nodes
    referencing new table as changed for each statement execute function vf.rollout_counted();
create trigger counted after update on rollout_nodes
    referencing new table as changed for each statement execute function vf.rollout_counted();

-- Every organisation's, which the owner of the tables sees only while nobody else can.
alter table rollouts no force row level security;
alter table rollout_nodes no force row level security;
update rollouts r set counts = c.counts from (
    select organization_id, rollout_id, json_agg(json_build_object('batch', batch, 'state', state, 'nodes', nodes)
        order by batch, state)::jsonb as counts
    from (
        select organization_id, rollout_id, batch, state, count(*) as nodes from rollout_nodes
        group by organization_id, rollout_id, batch, state) counted
    group by organization_id, rollout_id) c
where r.organization_id = c.organization_id and r.id = c.rollout_id;
alter table rollouts force row level security;
alter table rollout_nodes force row level security;
"""


def upgrade() -> None:
    """Add the counts, what keeps them, and those of the rollouts that are there."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
