"""How far the logs are shipped, for each organisation and for the platform.

`platform_audit_shipping` is global, one row: the platform belongs to no organisation. Only `vf_auditor`, which cannot
log in, touches it.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

SQL = r"""
create table audit_shipped (
    organization_id uuid primary key references organizations (id),
    sequence bigint not null check (sequence > 0),
    at timestamptz not null
);
select vf.protect('audit_shipped', array['select']);
grant insert, update on audit_shipped to vf_worker;

create table platform_audit_shipping (
    single boolean primary key default true check (single),
    sequence bigint not null,
    hash bytea check (length(hash) = 32),
    sealed_at timestamptz
);
insert into platform_audit_shipping (sequence) values (0);
revoke all on platform_audit_shipping from public;
grant select, update on platform_audit_shipping to vf_auditor;
grant select on platform_audit_shipping to vf_backup;
grant create on schema vf to vf_auditor;

set local role vf_auditor;
create function vf.audit_shipping() returns table (sequence bigint, hash bytea, sealed_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select s.sequence, s.hash, s.sealed_at from public.platform_audit_shipping s $$;

create function vf.audit_shipping_advance(number bigint, digest bytea) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.platform_audit_shipping set sequence = number, hash = digest where sequence < number $$;

create function vf.audit_shipping_sealed(moment timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.platform_audit_shipping set sealed_at = moment where sealed_at is null or sealed_at < moment $$;

create function vf.platform_audit_checkpoint_newest() returns setof public.platform_audit_checkpoints
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from public.platform_audit_checkpoints order by sequence desc limit 1 $$;

revoke all on function vf.audit_shipping(), vf.audit_shipping_advance(bigint, bytea),
    vf.audit_shipping_sealed(timestamptz), vf.platform_audit_checkpoint_newest() from public;
grant execute on function vf.audit_shipping() to vf_app, vf_worker;
grant execute on function vf.audit_shipping_advance(bigint, bytea), vf.audit_shipping_sealed(timestamptz),
    vf.platform_audit_checkpoint_newest() to vf_worker;
set local role vf_owner;
revoke create on schema vf from vf_auditor;
"""


def upgrade() -> None:
    """Create the tables and the functions that alone touch the platform's."""
    op.get_bind().exec_driver_sql(SQL)
