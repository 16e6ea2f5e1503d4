"""Upkeep of partitions that lets others by: whoever reads a table for long, as a backup does, puts it off.

To make or drop a partition took a lock of the whole table for which nothing ended the waiting, and behind which every
heartbeat and every page waited too. A partition is now attached, which no reader and no writer notices; to drop one
still takes that lock, and gives up after two seconds.
"""

from alembic import op

revision = "0043"
down_revision = "0042"

SQL = r"""
-- Makes the partitions of the days ahead and drops those past the retention, at least two days. What somebody holds up
-- is put off; call it for one table in a transaction, since what is locked stays so until its end.
create function vf.partitions_upkeep(
    parent text, days_ahead integer, days_kept integer, out changed integer, out put_off boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    name text;
    day date;
    done integer;
begin
    changed := 0;
    put_off := false;
    if parent <> all (array['counters', 'host_metrics', 'logs']) then
        raise exception 'not a partitioned table: %', parent;
    end if;
    begin
        done := 0;
        for day in select generate_series(
            current_date - case parent when 'logs' then 2 else 1 end, current_date + least(days_ahead, 31),
            interval '1 day')
        loop
            name := parent || '_' || to_char(day, 'YYYYMMDD');
            if to_regclass('public.' || name) is null then
                execute format('create table public.%I (like public.%I including defaults including constraints)',
                               name, parent);
                execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)',
                               parent, name, day, day + 1);
                done := done + 1;
            end if;
        end loop;
        changed := changed + done;
    exception when lock_not_available then
        put_off := true;
    end;
    begin
        done := 0;
        for name in
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = ('public.' || parent)::regclass
              and c.relname < parent || '_' || to_char(current_date - greatest(days_kept, 2), 'YYYYMMDD')
        loop
            execute format('drop table public.%I', name);
            done := done + 1;
        end loop;
        changed := changed + done;
    exception when lock_not_available then
        put_off := true;
    end;
end;
$$;
revoke all on function vf.partitions_upkeep(text, integer, integer) from public;
grant execute on function vf.partitions_upkeep(text, integer, integer) to vf_worker;

-- For workers of the version before.
create or replace function vf.counters_upkeep(days_ahead integer, days_kept integer) returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select sum((vf.partitions_upkeep(parent, days_ahead, days_kept)).changed)::integer
    from unnest(array['counters', 'host_metrics']) as parent;
$$;
create or replace function vf.logs_upkeep(days_ahead integer, days_kept integer) returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select (vf.partitions_upkeep('logs', days_ahead, days_kept)).changed;
$$;
"""


def upgrade() -> None:
    """Keep the partitions of each table by one function that gives up."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
