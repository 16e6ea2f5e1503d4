"""How far the logs are shipped, for each organisation and for the platform.

Both know the place, so that another bucket is given all from the beginning. `platform_audit_shipping` is global: the platform belongs to no organisation. Only `vf_auditor`, which cannot
log in, touches it.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

SQL = r"""
create table audit_shipped (
    organization_id uuid not null references organizations (id),
    place text not null check (length(place) between 1 and 300),
    sequence bigint not null check (sequence > 0),
    at timestamptz not null,
    primary key (organization_id, place)
);
comment on column audit_shipped.place is 'plain: the bucket and what its keys begin with';
select vf.protect('audit_shipped', array['select']);
grant insert, update on audit_shipped to vf_worker;

create table platform_audit_shipping (
    place text primary key check (length(place) between 1 and 300),
    sequence bigint not null,
    hash bytea check (length(hash) = 32),
    sealed_at timestamptz
);
revoke all on platform_audit_shipping from public;
grant select, insert, update on platform_audit_shipping to vf_auditor;
grant select on platform_audit_shipping to vf_backup;
grant create on schema vf to vf_auditor;

set local role vf_auditor;
create function vf.audit_shipping(wanted text) returns table (sequence bigint, hash bytea, sealed_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select s.sequence, s.hash, s.sealed_at from public.platform_audit_shipping s where s.place = wanted $$;

create function vf.audit_shipping_sealed_at() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select max(s.sealed_at) from public.platform_audit_shipping s $$;

create function vf.audit_shipping_advance(wanted text, number bigint, digest bytea) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.platform_audit_shipping as s (place, sequence, hash) values (wanted, number, digest)
   on conflict (place) do update set sequence = excluded.sequence, hash = excluded.hash
   where s.sequence < excluded.sequence $$;

create function vf.audit_shipping_sealed(wanted text, moment timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.platform_audit_shipping as s (place, sequence, sealed_at) values (wanted, 0, moment)
   on conflict (place) do update set sealed_at = excluded.sealed_at
   where s.sealed_at is null or s.sealed_at < excluded.sealed_at $$;

create function vf.platform_audit_checkpoint_newest() returns setof public.platform_audit_checkpoints
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from public.platform_audit_checkpoints order by sequence desc limit 1 $$;

revoke all on function vf.audit_shipping(text), vf.audit_shipping_sealed_at(),
    vf.audit_shipping_advance(text, bigint, bytea), vf.audit_shipping_sealed(text, timestamptz),
    vf.platform_audit_checkpoint_newest() from public;
grant execute on function vf.audit_shipping_sealed_at() to vf_app, vf_worker;
grant execute on function vf.audit_shipping(text), vf.audit_shipping_advance(text, bigint, bytea),
    vf.audit_shipping_sealed(text, timestamptz), vf.platform_audit_checkpoint_newest() to vf_worker;
set local role vf_owner;
revoke create on schema vf from vf_auditor;
"""


def upgrade() -> None:
    """Create the tables and the functions that alone touch the platform's."""
    op.get_bind().exec_driver_sql(SQL)
