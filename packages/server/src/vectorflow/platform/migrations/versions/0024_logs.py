"""Log lines of agents and engines, how far each node's are stored, and what an organisation has used of its quota.

Like counters, lines have no foreign keys and are partitioned by day; they are written by the gateway in the scope
of their organisation, since they are answered after commit.
"""

from alembic import op

revision = "0024"
down_revision = "0023"

TABLES = r"""
create table logs (
    organization_id uuid not null,
    environment_id uuid not null,
    node_id uuid not null,
    id uuid not null,
    at timestamptz not null,
    pipeline_id uuid,
    sequence bigint not null,
    level smallint not null,
    component text not null check (length(component) <= 128),
    text text not null check (length(text) <= 5000),
    dropped integer not null check (dropped >= 0),
    primary key (organization_id, id, at)
) partition by range (at);
create index logs_environment on logs (organization_id, environment_id, at, id);
create index logs_node on logs (organization_id, node_id, at, id);
create index logs_pipeline on logs (organization_id, pipeline_id, at, id) where pipeline_id is not null;
comment on column logs.component is 'plain: a name in the document';
comment on column logs.text is 'plain: the words of agents and engines, searched; secrets are taken out on the node';
select vf.protect('logs', array['select', 'insert'], array['vf_app']);
grant select on logs to vf_worker;

create table log_marks (
    organization_id uuid not null,
    node_id uuid not null,
    spool text not null check (length(spool) <= 64),
    batch bigint not null,
    primary key (organization_id, node_id)
);
comment on column log_marks.spool is 'plain: a random name';
select vf.protect('log_marks', array['select', 'insert', 'update'], array['vf_app']);

create table log_usage (
    organization_id uuid not null,
    day integer not null, -- since 1970-01-01, UTC
    bytes bigint not null,
    primary key (organization_id, day)
);
select vf.protect('log_usage', array['select', 'insert', 'update'], array['vf_app']);
"""

FUNCTIONS = r"""
-- Makes the partitions of the days ahead and drops those past the retention, at least two days.
create function vf.logs_upkeep(days_ahead integer, days_kept integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    day date;
    old record;
    changed integer := 0;
begin
    for day in select generate_series(current_date - 2, current_date + least(days_ahead, 31), interval '1 day') loop
        if to_regclass('public.logs_' || to_char(day, 'YYYYMMDD')) is null then
            execute format('create table public.%I partition of public.logs for values from (%L) to (%L)',
                           'logs_' || to_char(day, 'YYYYMMDD'), day, day + 1);
            changed := changed + 1;
        end if;
    end loop;
    for old in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.logs'::regclass
          and c.relname < 'logs_' || to_char(current_date - greatest(days_kept, 2), 'YYYYMMDD')
    loop
        execute format('drop table public.%I', old.relname);
        changed := changed + 1;
    end loop;
    return changed;
end;
$$;
select vf.logs_upkeep(14, 7);
revoke all on function vf.logs_upkeep(integer, integer) from public;
grant execute on function vf.logs_upkeep(integer, integer) to vf_worker;
"""


def upgrade() -> None:
    """Create the tables of log lines and the function that keeps their partitions."""
    for statements in (TABLES, FUNCTIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
