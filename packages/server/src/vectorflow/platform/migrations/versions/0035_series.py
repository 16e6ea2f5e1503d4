"""Times, busy share and buffers over time beside the counters, and the figures of each machine once per heartbeat.

What an engine does not report is null. The partitions of both tables are kept by the one function that kept those
of the counters.
"""

from alembic import op

revision = "0035"
down_revision = "0034"

TABLES = r"""
alter table counters
    add column latency_events bigint, add column latency_us bigint,
    add column lag_events bigint, add column lag_us bigint,
    add column wait_events bigint, add column wait_us bigint,
    add column utilization real, add column buffer_fill real;

-- Network figures are cumulative since the machine started.
create table host_metrics (
    organization_id uuid not null,
    node_id uuid not null,
    at timestamptz not null,
    cpu_percent real not null,
    load1 real not null,
    memory_used_bytes bigint not null,
    memory_total_bytes bigint not null,
    disk_free_bytes bigint not null,
    disk_total_bytes bigint not null,
    network_received_bytes bigint not null,
    network_sent_bytes bigint not null,
    primary key (organization_id, node_id, at)
) partition by range (at);
select vf.protect('host_metrics', array['select']);
grant insert on host_metrics to vf_telemetry;
"""

FUNCTIONS = r"""
-- Makes the partitions of the days ahead and drops those past the retention, at least two days.
create or replace function vf.counters_upkeep(days_ahead integer, days_kept integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    parent text;
    day date;
    old record;
    changed integer := 0;
begin
    foreach parent in array array['counters', 'host_metrics'] loop
        for day in
            select generate_series(current_date - 1, current_date + least(days_ahead, 31), interval '1 day')
        loop
            if to_regclass('public.' || parent || '_' || to_char(day, 'YYYYMMDD')) is null then
                execute format('create table public.%I partition of public.%I for values from (%L) to (%L)',
                               parent || '_' || to_char(day, 'YYYYMMDD'), parent, day, day + 1);
                changed := changed + 1;
            end if;
        end loop;
        for old in
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = ('public.' || parent)::regclass
              and c.relname < parent || '_' || to_char(current_date - greatest(days_kept, 2), 'YYYYMMDD')
        loop
            execute format('drop table public.%I', old.relname);
            changed := changed + 1;
        end loop;
    end loop;
    return changed;
end;
$$;
select vf.counters_upkeep(14, 30);
"""


def upgrade() -> None:
    """Widen the counters, create the table of host metrics and keep partitions of both."""
    for statements in (TABLES, FUNCTIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
