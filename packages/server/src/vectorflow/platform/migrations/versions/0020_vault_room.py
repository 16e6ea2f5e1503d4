"""The rest of the room vault: rules of secrets, variables, certificates, lookup files and outside stores.

Whatever may be a credential is a column of the domain `vf.sealed`, which the app role may write and never read.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

STORES = r"""
create table secret_stores (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    kind text not null check (kind in ('aws', 'vault')),
    resolve text not null check (resolve in ('node', 'server')),
    settings jsonb not null,
    credentials vf.sealed,
    version integer not null check (version > 0),
    last_error text not null default '' check (length(last_error) <= 500),
    last_used_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    check ((credentials is not null) = (resolve = 'server'))
);
comment on column secret_stores.name is 'plain: what secrets refer to';
comment on column secret_stores.kind is 'plain: one of our words';
comment on column secret_stores.resolve is 'plain: one of our words';
comment on column secret_stores.settings is 'plain: address, region and paths; credentials are sealed beside it';
comment on column secret_stores.last_error is 'plain: our own words about the last look-up';
select vf.protect('secret_stores', array['insert', 'delete'], array['vf_app']);
grant select (organization_id, id, environment_id, name, kind, resolve, settings, version, last_error, last_used_at,
              created_at, updated_at) on secret_stores to vf_app;
grant update (settings, credentials, version, updated_at) on secret_stores to vf_app;
grant select on secret_stores to vf_signer;
grant update (credentials, last_error, last_used_at) on secret_stores to vf_signer;
"""

SECRETS = r"""
alter table secrets
    add column description text not null default '' check (length(description) <= 500),
    add column expires_at timestamptz,
    add column rotate_days integer check (rotate_days between 1 and 3650),
    add column allowed_types text[] not null default '{}',
    add column allowed_paths text[] not null default '{}',
    add column allowed_hosts text[] not null default '{}',
    add column settings_version integer not null default 1 check (settings_version > 0),
    add column value_set_at timestamptz not null default now(),
    add column told_state text not null default 'ok' check (told_state in ('ok', 'due', 'expired')),
    add column store_id uuid,
    add column store_path text not null default '' check (length(store_path) <= 500),
    add column store_field text not null default '' check (length(store_field) <= 200),
    add column outside_version text not null default '' check (length(outside_version) <= 100),
    add foreign key (organization_id, store_id) references secret_stores (organization_id, id);
alter table secrets no force row level security;
update secrets set value_set_at = updated_at;
alter table secrets force row level security;
comment on column secrets.description is 'plain: what people say about it';
comment on column secrets.allowed_types is 'plain: types of components that may use it';
comment on column secrets.allowed_paths is 'plain: options that may hold it';
comment on column secrets.allowed_hosts is 'plain: hosts that it may be sent to';
comment on column secrets.told_state is 'plain: one of our words';
comment on column secrets.store_path is 'plain: where it lies in the outside store';
comment on column secrets.store_field is 'plain: which part of what lies there';
comment on column secrets.outside_version is 'plain: the version that the outside store told';
grant update (description, expires_at, rotate_days, allowed_types, allowed_paths, allowed_hosts, settings_version,
              value_set_at, store_id, store_path, store_field, told_state) on secrets to vf_app;
grant select on secrets to vf_worker;
grant update (told_state) on secrets to vf_worker;
grant update (outside_version) on secrets to vf_signer;

alter table secret_versions add column created_by_name text not null default '' check (length(created_by_name) <= 200);
comment on column secret_versions.created_by_name is 'plain: the name of who set it, as it was then';
grant select (created_by_name) on secret_versions to vf_app;

-- Where a secret was allowed to go. What is not here does not run.
create table secret_destinations (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    secret_name text not null check (length(secret_name) between 1 and 80),
    component_type text not null check (length(component_type) <= 100),
    option_path text not null check (length(option_path) <= 300),
    destination text not null check (length(destination) <= 1000),
    approved_how text not null check (approved_how in ('first-use', 're-entry', 'second-person')),
    approved_by text not null check (length(approved_by) <= 200),
    approved_by_id uuid,
    approved_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, environment_id, secret_name, component_type, option_path, destination),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column secret_destinations.secret_name is 'plain: the name that documents refer to';
comment on column secret_destinations.component_type is 'plain: kind and type of the component that uses it';
comment on column secret_destinations.option_path is 'plain: the option that holds the reference';
comment on column secret_destinations.destination is 'plain: hosts, without paths and credentials';
comment on column secret_destinations.approved_how is 'plain: one of our words';
comment on column secret_destinations.approved_by is 'plain: the name of who approved it, as it was then';
select vf.protect('secret_destinations', array['select', 'insert', 'delete'], array['vf_app']);

-- Where drafts send secrets now, and who had a hand in that: they cannot approve it themselves.
create table secret_draft_uses (
    organization_id uuid not null references organizations (id),
    environment_id uuid not null,
    pipeline_id uuid not null,
    secret_name text not null check (length(secret_name) between 1 and 80),
    component_type text not null check (length(component_type) <= 100),
    option_path text not null check (length(option_path) <= 300),
    destination text not null check (length(destination) <= 1000),
    pipeline_name text not null check (length(pipeline_name) <= 100),
    changed_by uuid[] not null,
    changed_at timestamptz not null default now(),
    primary key (organization_id, pipeline_id, secret_name, component_type, option_path, destination),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column secret_draft_uses.secret_name is 'plain: the name that documents refer to';
comment on column secret_draft_uses.component_type is 'plain: kind and type of the component that uses it';
comment on column secret_draft_uses.option_path is 'plain: the option that holds the reference';
comment on column secret_draft_uses.destination is 'plain: hosts, without paths and credentials';
comment on column secret_draft_uses.pipeline_name is 'plain: shown to the members of the environment';
select vf.protect('secret_draft_uses', array['select', 'insert', 'delete'], array['vf_app']);

-- One table of uses for everything that documents refer to by name.
alter table secret_uses rename to vault_uses;
alter table vault_uses rename column secret_name to name;
alter table vault_uses add column kind text not null default 'secret'
    check (kind in ('secret', 'variable', 'certificate', 'file'));
alter table vault_uses alter column kind drop default;
alter table vault_uses add column stale boolean not null default false;
alter table vault_uses drop constraint secret_uses_pkey;
alter table vault_uses add primary key (organization_id, environment_id, kind, name, pipeline_id);
alter index secret_uses_pipeline rename to vault_uses_pipeline;
comment on column vault_uses.kind is 'plain: one of our words';
"""

VARIABLES = r"""
create table variables (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    type text not null check (type in ('string', 'number', 'boolean', 'duration', 'bytes', 'list')),
    value text not null default '' check (length(value) <= 65536),
    sealed vf.sealed,
    sensitive boolean not null generated always as (sealed is not null) stored,
    description text not null default '' check (length(description) <= 500),
    version integer not null check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    updated_by_id uuid,
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    check (sealed is null or value = '')
);
comment on column variables.name is 'plain: the name that documents refer to';
comment on column variables.type is 'plain: one of our words';
comment on column variables.value is 'plain: shown to members; a sensitive one is sealed instead';
comment on column variables.description is 'plain: what people say about it';
comment on column variables.updated_by is 'plain: the name of who changed it, as it was then';
select vf.protect('variables', array['insert', 'delete'], array['vf_app']);
grant select (organization_id, id, environment_id, name, type, value, sensitive, description, version, created_at,
              updated_at, updated_by, updated_by_id) on variables to vf_app;
grant update (value, sealed, description, version, updated_at, updated_by, updated_by_id) on variables to vf_app;
grant select on variables to vf_signer;
grant update (sealed) on variables to vf_signer;
"""

FILES = r"""
-- Contents by their hash, in pieces that fit into memory many times over.
create table vault_files (
    organization_id uuid not null references organizations (id),
    sha256 bytea not null check (length(sha256) = 32),
    size bigint not null check (size between 0 and 1073741824),
    created_at timestamptz not null default now(),
    primary key (organization_id, sha256)
);
comment on column vault_files.sha256 is 'plain: SHA-256 of the content';
select vf.protect('vault_files', array['select', 'insert', 'delete'], array['vf_app']);
grant select on vault_files to vf_signer, vf_worker;
grant delete on vault_files to vf_worker;

create table vault_file_parts (
    organization_id uuid not null references organizations (id),
    sha256 bytea not null check (length(sha256) = 32),
    position integer not null check (position >= 0),
    content bytea not null check (length(content) <= 1048576),
    primary key (organization_id, sha256, position),
    foreign key (organization_id, sha256) references vault_files (organization_id, sha256) on delete cascade
);
comment on column vault_file_parts.sha256 is 'plain: SHA-256 of the whole content';
comment on column vault_file_parts.content is
    'plain: lookup tables and certificates, which members may download and nodes read as files; keys are sealed';
select vf.protect('vault_file_parts', array['select', 'insert'], array['vf_app']);

create table lookup_files (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    description text not null default '' check (length(description) <= 500),
    version integer not null check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column lookup_files.name is 'plain: the name that documents refer to';
comment on column lookup_files.description is 'plain: what people say about it';
select vf.protect('lookup_files', array['select', 'insert', 'delete'], array['vf_app']);
grant update (version, updated_at, description) on lookup_files to vf_app;

create table lookup_file_versions (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    file_id uuid not null,
    version integer not null check (version > 0),
    sha256 bytea not null,
    format text not null check (length(format) <= 20),
    detail text not null default '' check (length(detail) <= 200),
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    created_by_id uuid,
    primary key (organization_id, id),
    unique (organization_id, file_id, version),
    foreign key (organization_id, file_id) references lookup_files (organization_id, id) on delete cascade,
    foreign key (organization_id, sha256) references vault_files (organization_id, sha256)
);
comment on column lookup_file_versions.sha256 is 'plain: SHA-256 of the content';
comment on column lookup_file_versions.format is 'plain: one of our words';
comment on column lookup_file_versions.detail is 'plain: our own words about the content';
comment on column lookup_file_versions.created_by is 'plain: the name of who uploaded it, as it was then';
select vf.protect('lookup_file_versions', array['select', 'insert'], array['vf_app']);

create table certificates (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    description text not null default '' check (length(description) <= 500),
    version integer not null check (version > 0),
    told_state text not null default 'ok' check (told_state in ('ok', 'due', 'expired')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column certificates.name is 'plain: the name that documents refer to';
comment on column certificates.description is 'plain: what people say about it';
comment on column certificates.told_state is 'plain: one of our words';
select vf.protect('certificates', array['select', 'insert', 'delete'], array['vf_app']);
grant update (version, updated_at, description, told_state) on certificates to vf_app;
grant select on certificates to vf_signer, vf_worker;
grant update (told_state) on certificates to vf_worker;

create table certificate_versions (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    certificate_id uuid not null,
    version integer not null check (version > 0),
    sha256 bytea not null,
    facts jsonb not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    private_key vf.sealed,
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    created_by_id uuid,
    primary key (organization_id, id),
    unique (organization_id, certificate_id, version),
    foreign key (organization_id, certificate_id) references certificates (organization_id, id) on delete cascade,
    foreign key (organization_id, sha256) references vault_files (organization_id, sha256)
);
comment on column certificate_versions.sha256 is 'plain: SHA-256 of the PEM text of the chain';
comment on column certificate_versions.facts is 'plain: what the certificate says in public';
comment on column certificate_versions.created_by is 'plain: the name of who uploaded it, as it was then';
alter table certificate_versions add column has_key boolean not null generated always as (private_key is not null) stored;
select vf.protect('certificate_versions', array['insert'], array['vf_app']);
grant select (organization_id, id, certificate_id, version, sha256, facts, not_before, not_after, has_key, created_at,
              created_by, created_by_id) on certificate_versions to vf_app, vf_worker;
grant select on certificate_versions to vf_signer;
grant update (private_key) on certificate_versions to vf_signer;
"""

REVISIONS = r"""
alter table revisions
    add column surroundings json not null default '{}',
    add column files text[] not null default '{}',
    add column stores text[] not null default '{}';
comment on column revisions.surroundings is 'plain: variables and digests it was compiled with; nothing sensitive';
comment on column revisions.files is 'plain: SHA-256 of the files that it refers to';
comment on column revisions.stores is 'plain: names of the stores that the engine on the node asks';

-- What nodes should run changed: whoever's environment and sealed name is given.
create function vf.sealed_changed(environment uuid, named text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    touched integer;
    organization uuid := vf.org();
begin
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    where n.organization_id = organization and n.environment_id = environment
      and n.revoked_at is null and exists (
        select 1 from public.assignments a
        join public.revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
            and r.number = a.revision
        where a.organization_id = n.organization_id and a.node_id = n.id and named = any(r.secrets));
    get diagnostics touched = row_count;
    if touched > 0 then
        perform pg_notify('vectorflow', json_build_object(
            'topic', 'fleet.assignments', 'organization_id', organization)::text);
    end if;
end;
$$;
revoke all on function vf.sealed_changed(uuid, text) from public;
grant execute on function vf.sealed_changed(uuid, text) to vf_app, vf_signer;

create function vf.variable_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if new.sensitive then
        perform vf.sealed_changed(new.environment_id, 'var.' || new.name);
    end if;
    return null;
end;
$$;
revoke all on function vf.variable_changed() from public;
create trigger variable_changed after insert or update of version on variables
    for each row execute function vf.variable_changed();

-- What the signer learnt from an outside store is a change like a new value.
create function vf.outside_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform vf.sealed_changed(new.environment_id, new.name);
    return null;
end;
$$;
revoke all on function vf.outside_changed() from public;
create trigger outside_changed after update of outside_version on secrets
    for each row when (new.outside_version is distinct from old.outside_version)
    execute function vf.outside_changed();
grant update (wanted) on nodes to vf_signer;

-- Organisations whose outside stores the signer has to ask.
create policy directory on secret_stores for select to vf_directory using (true);
grant select (organization_id, resolve) on secret_stores to vf_directory;
create function vf.organizations_with_stores() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select distinct organization_id from public.secret_stores where resolve = 'server' $$;
grant create on schema vf to vf_directory;
revoke all on function vf.organizations_with_stores() from public;
grant execute on function vf.organizations_with_stores() to vf_signer;
alter function vf.organizations_with_stores() owner to vf_directory;
revoke create on schema vf from vf_directory;
"""


def upgrade() -> None:
    """Create what secrets, variables, certificates, lookup files and stores need."""
    for statements in (STORES, SECRETS, VARIABLES, FILES, REVISIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
