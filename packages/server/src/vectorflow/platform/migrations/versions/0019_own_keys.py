"""The platform's own data key, keys that organisations bring themselves, and rotations that people ask for.

`platform_data_keys` is global: it seals what belongs to no organisation, such as an account's second factor. It
is reached by exact version through functions of schema `vf`, and only the signer may rotate it.
"""

from alembic import op

revision = "0019"
down_revision = "0018"

PLATFORM = r"""
create table platform_data_keys (
    id uuid primary key,
    version integer not null unique check (version > 0),
    wrapped bytea not null check (length(wrapped) between 48 and 4096),
    provider text not null check (length(provider) between 1 and 512),
    encryptions bigint not null default 0 check (encryptions >= 0),
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    destroyed_at timestamptz,
    check (destroyed_at is null or (retired_at is not null and wrapped = decode(repeat('00', 48), 'hex')))
);
revoke all on platform_data_keys from public;
grant select, insert, update on platform_data_keys to vf_directory;
grant select on platform_data_keys to vf_backup;

-- The key of a version, or the one that new values are sealed with.
create function vf.platform_data_key(wanted integer)
returns table (id uuid, version integer, wrapped bytea, provider text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select k.id, k.version, k.wrapped, k.provider from public.platform_data_keys k
   where k.destroyed_at is null and case when wanted is null then k.retired_at is null else k.version = wanted end
   order by k.version desc limit 1 $$;

-- Adds the next version, unless somebody was first.
create function vf.platform_data_key_add(id uuid, version integer, wrapped bytea, provider text) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ with added as (
     insert into public.platform_data_keys (id, version, wrapped, provider)
     values ($1, $2, $3, $4) on conflict do nothing returning 1)
   select exists (select from added) $$;

-- Counts encryptions before they are made; returns how many the version was given with these.
create function vf.platform_data_key_count(wanted integer, more bigint) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.platform_data_keys k set encryptions = k.encryptions + greatest(more, 1)
   where k.version = wanted and k.destroyed_at is null returning k.encryptions $$;

create function vf.platform_data_keys_all()
returns table (id uuid, version integer, wrapped bytea, provider text, retired_at timestamptz,
               destroyed_at timestamptz, encryptions bigint, age interval)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select k.id, k.version, k.wrapped, k.provider, k.retired_at, k.destroyed_at, k.encryptions, now() - k.created_at
   from public.platform_data_keys k order by k.version desc $$;

create function vf.platform_data_key_rewrap(wanted uuid, old bytea, new bytea, by_provider text) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ with changed as (
     update public.platform_data_keys k set wrapped = new, provider = by_provider
     where k.id = wanted and k.wrapped = old and k.destroyed_at is null returning 1)
   select exists (select from changed) $$;

create function vf.platform_data_key_retire_before(wanted integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.platform_data_keys k set retired_at = now() where k.version < wanted and k.retired_at is null $$;

create function vf.platform_data_key_destroy(wanted integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.platform_data_keys k set wrapped = decode(repeat('00', 48), 'hex'), destroyed_at = now()
   where k.version = wanted and k.retired_at is not null and k.destroyed_at is null $$;

do $$
declare
    made record;
    caller text;
begin
    grant create on schema vf to vf_directory;
    for made in select * from (values
        ('vf.platform_data_key(integer)', array['vf_app', 'vf_worker', 'vf_signer']),
        ('vf.platform_data_key_add(uuid, integer, bytea, text)', array['vf_app', 'vf_worker', 'vf_signer']),
        ('vf.platform_data_key_count(integer, bigint)', array['vf_app', 'vf_worker', 'vf_signer']),
        ('vf.platform_data_keys_all()', array['vf_signer']),
        ('vf.platform_data_key_rewrap(uuid, bytea, bytea, text)', array['vf_signer']),
        ('vf.platform_data_key_retire_before(integer)', array['vf_signer']),
        ('vf.platform_data_key_destroy(integer)', array['vf_signer']))
        as f (signature, callers)
    loop
        execute format('revoke all on function %s from public', made.signature);
        foreach caller in array made.callers loop
            execute format('grant execute on function %s to %I', made.signature, caller);
        end loop;
        execute format('alter function %s owner to vf_directory', made.signature);
    end loop;
    revoke create on schema vf from vf_directory;
end;
$$;
"""

OWN = r"""
-- A key that an organisation holds itself. `external_id` and `nonce` were made for this naming alone.
create table customer_keys (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    kind text not null check (kind in ('aws-kms', 'vault-transit')),
    place text not null check (length(place) between 1 and 512),
    role_arn text check (length(role_arn) <= 512),
    external_id text not null check (length(external_id) <= 64),
    nonce bytea not null check (length(nonce) = 32),
    credential vf.sealed,
    state text not null default 'named' check (state in ('named', 'active', 'ended')),
    created_at timestamptz not null default now(),
    created_by uuid,
    activated_at timestamptz,
    ended_at timestamptz,
    primary key (organization_id, id),
    check (kind = 'aws-kms' or role_arn is null),
    check ((state = 'ended') = (ended_at is not null))
);
create unique index customer_keys_one_active on customer_keys (organization_id) where state = 'active';
create unique index customer_keys_one_named on customer_keys (organization_id) where state = 'named';
comment on column customer_keys.kind is 'plain: one of our words';
comment on column customer_keys.place is 'plain: the address of the key, shown to those who may see it';
comment on column customer_keys.role_arn is 'plain: the name of a role, no secret';
comment on column customer_keys.external_id is 'plain: AWS treats it as no secret; it only has to be ours';
comment on column customer_keys.nonce is 'plain: to be encrypted by who holds the key, shown to them';
comment on column customer_keys.credential is 'platform: sealed by the platform key, since it is needed to unwrap the organisation''s';
comment on column customer_keys.state is 'plain: one of our words';
select vf.protect('customer_keys', array['select', 'insert'], array['vf_app']);
grant update (state, credential, activated_at, ended_at) on customer_keys to vf_app;
grant select on customer_keys to vf_signer;
grant update (credential) on customer_keys to vf_signer;

-- Somebody asked for a rotation; the signer does it.
create table data_key_rotations (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    requested_by uuid,
    requested_at timestamptz not null default now(),
    done_at timestamptz,
    resealed bigint check (resealed >= 0),
    primary key (organization_id, id)
);
create unique index data_key_rotations_one on data_key_rotations (organization_id) where done_at is null;
select vf.protect('data_key_rotations', array['select', 'insert'], array['vf_app']);
grant select on data_key_rotations to vf_signer;
grant update (done_at, resealed) on data_key_rotations to vf_signer;
"""


def upgrade() -> None:
    """Add what seals for accounts, and what organisations may bring."""
    for statements in (PLATFORM, OWN):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
