"""Schema ``vf``: the scope that policies read, sealed values, and the function that protects a table."""

from alembic import op

revision = "0001"
down_revision = None

SQL = r"""
create table vf.scope_keys (
    position smallint primary key check (position in (1, 2)),
    inner_pad bytea not null check (length(inner_pad) = 64),
    outer_pad bytea not null check (length(outer_pad) = 64)
);
revoke all on vf.scope_keys from public;

-- The organisation of this transaction: NULL without a scope, an error for a forged or expired one.
create function vf.org() returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    raw text := current_setting('vf.scope', true);
    message bytea;
    given bytea;
    genuine boolean := false;
    pads record;
begin
    if raw is null or raw = '' then
        return null;
    end if;
    if raw !~ '^[0-9a-f-]{36}\.[0-9]{1,12}\.[0-9a-f]{64}$' then
        raise exception 'the transaction scope is malformed' using errcode = '42501';
    end if;
    message := convert_to(split_part(raw, '.', 1) || '.' || split_part(raw, '.', 2), 'UTF8');
    given := decode(split_part(raw, '.', 3), 'hex');
    for pads in select k.inner_pad, k.outer_pad from vf.scope_keys k loop
        if sha256(pads.outer_pad || sha256(pads.inner_pad || message)) = given then
            genuine := true;
        end if;
    end loop;
    if not genuine then
        raise exception 'the transaction scope is not genuine' using errcode = '42501';
    end if;
    if to_timestamp(split_part(raw, '.', 2)::bigint) < transaction_timestamp() then
        raise exception 'the transaction scope has expired' using errcode = '42501';
    end if;
    return split_part(raw, '.', 1)::uuid;
end;
$$;

-- Sealed by the organisation's data key: version byte 1, then key version, nonce, ciphertext and tag.
create domain vf.sealed as bytea check (value is null or (get_byte(value, 0) = 1 and length(value) > 32));

-- Puts a tenant table under row-level security and grants the commands to the serving roles.
create function vf.protect(target regclass, commands text[], roles text[] default array['vf_app', 'vf_worker'])
returns void language plpgsql as $$
declare
    role_name text;
    command text;
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s for all to public using (organization_id = (select vf.org())) '
        'with check (organization_id = (select vf.org()))', target);
    execute format('revoke all on %s from public', target);
    foreach role_name in array roles loop
        foreach command in array commands loop
            if command not in ('select', 'insert', 'update', 'delete') then
                raise exception 'vf.protect grants select, insert, update and delete, not %', command;
            end if;
            execute format('grant %s on %s to %I', command, target, role_name);
        end loop;
    end loop;
end;
$$;
revoke all on function vf.protect from public;
revoke all on function vf.org() from public;

grant usage on schema vf to vf_app, vf_worker, vf_signer, vf_telemetry, vf_directory, vf_auditor, vf_presence, vf_jobs;
grant usage on schema public to vf_app, vf_worker, vf_signer, vf_telemetry, vf_directory, vf_auditor, vf_presence;
grant execute on function vf.org() to vf_app, vf_worker, vf_signer, vf_directory, vf_auditor, vf_presence, vf_jobs;
grant usage on type vf.sealed to vf_app, vf_worker, vf_signer;
alter default privileges revoke execute on functions from public;
"""


def upgrade() -> None:
    """Create schema ``vf``'s scope and protection."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
