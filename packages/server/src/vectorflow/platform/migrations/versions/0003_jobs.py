"""Schema ``jobs``: procrastinate's own tables, fenced by organisation."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0003"
down_revision = "0002"

FENCE = r"""
-- A tenant job carries the organisation of the transaction that deferred it, in a column and in its arguments.
alter table jobs.procrastinate_jobs add column organization_id uuid default vf.org();
alter table jobs.procrastinate_jobs add constraint organization_in_arguments check (
    case when organization_id is null then not args ? 'organization_id'
    else args ->> 'organization_id' = organization_id::text end);
create index procrastinate_jobs_organization on jobs.procrastinate_jobs (organization_id, id);

alter table jobs.procrastinate_jobs enable row level security;
alter table jobs.procrastinate_jobs force row level security;
create policy tenant on jobs.procrastinate_jobs for all to vf_app, vf_signer
    using (organization_id = (select vf.org())) with check (organization_id = (select vf.org()));
create policy queue on jobs.procrastinate_jobs for all to vf_worker, vf_jobs using (true) with check (true);

grant usage on schema jobs to vf_app, vf_signer, vf_worker, vf_jobs;
grant select, insert on jobs.procrastinate_jobs to vf_app, vf_signer;
grant usage on sequence jobs.procrastinate_jobs_id_seq to vf_app, vf_signer;
grant all on all tables in schema jobs to vf_worker;
grant usage on all sequences in schema jobs to vf_worker;
grant insert on jobs.procrastinate_events to vf_jobs;
grant select, update on jobs.procrastinate_periodic_defers to vf_jobs;
grant usage on sequence jobs.procrastinate_events_id_seq to vf_jobs;
grant execute on all functions in schema jobs to vf_worker;
grant execute on function jobs.procrastinate_defer_jobs_v1(jobs.procrastinate_job_to_defer_v1[]) to vf_app, vf_signer;

-- Triggers write the event log on behalf of whoever deferred, who has no right on that log.
do $$
declare
    signature regprocedure;
begin
    for signature in
        select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'jobs' and p.prorettype = 'trigger'::regtype
    loop
        execute format('alter function %s security definer set search_path = jobs, pg_catalog, pg_temp', signature);
        execute format('grant create on schema jobs to vf_jobs');
        execute format('alter function %s owner to vf_jobs', signature);
        execute format('revoke create on schema jobs from vf_jobs');
    end loop;
end;
$$;

-- Organisations for periodic work: only the worker may list them.
create function vf.organizations_for_work() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select id from public.organizations order by id $$;
revoke all on function vf.organizations_for_work() from public;
grant create on schema vf to vf_directory;
alter function vf.organizations_for_work() owner to vf_directory;
revoke create on schema vf from vf_directory;
set local role vf_directory;
revoke all on function vf.organizations_for_work() from public;
grant execute on function vf.organizations_for_work() to vf_worker;
set local role vf_owner;
"""


def upgrade() -> None:
    """Create procrastinate's tables in their own schema and fence them."""
    connection = op.get_bind()
    connection.exec_driver_sql("create schema jobs")
    connection.exec_driver_sql("set local search_path = jobs")
    connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    connection.exec_driver_sql("set local search_path = public")
    connection.exec_driver_sql(FENCE.replace("%", "%%"))
