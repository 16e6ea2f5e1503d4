"""Data keys, signing keys, key lists and secrets.

What a role may read is decided by column: the app role never reads a signing key's private part nor a
secret's value, sealed or not; only the signer does.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

KEYS = r"""
create table data_keys (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    version integer not null check (version > 0),
    wrapped bytea not null check (length(wrapped) between 48 and 4096),
    provider text not null check (length(provider) between 1 and 64),
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    primary key (organization_id, id),
    unique (organization_id, version)
);
comment on column data_keys.wrapped is 'plain: encrypted by the key provider, useless without it';
comment on column data_keys.provider is 'plain: which provider wrapped the key';
select vf.protect('data_keys', array['select', 'insert']);
grant select on data_keys to vf_signer;

create table signing_keys (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    kind text not null check (kind in ('root', 'online')),
    public bytea not null check (length(public) = 32),
    private vf.sealed not null,
    not_before timestamptz not null,
    not_after timestamptz,
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    primary key (organization_id, id),
    check (kind = 'root' or not_after is not null)
);
create unique index signing_keys_one_root on signing_keys (organization_id)
    where kind = 'root' and retired_at is null;
comment on column signing_keys.kind is 'plain: one of our words';
comment on column signing_keys.public is 'plain: a public key';
select vf.protect('signing_keys', array['select', 'insert'], array['vf_signer']);
grant update (retired_at) on signing_keys to vf_signer;
grant select (organization_id, id, kind, public, not_before, not_after, created_at, retired_at)
    on signing_keys to vf_app, vf_worker;

create table key_lists (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    version integer not null check (version > 0),
    envelope bytea not null check (length(envelope) <= 65536),
    issued_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > issued_at),
    primary key (organization_id, id),
    unique (organization_id, version)
);
comment on column key_lists.envelope is 'plain: a signed list of public keys';
select vf.protect('key_lists', array['select'], array['vf_app', 'vf_worker', 'vf_signer']);
grant insert on key_lists to vf_signer;
"""

VAULT = r"""
create table secrets (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    version integer not null check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column secrets.name is 'plain: the name that documents refer to';
select vf.protect('secrets', array['select', 'insert', 'delete'], array['vf_app']);
grant update (version, updated_at) on secrets to vf_app;
grant select on secrets to vf_signer;

-- A version is never changed: a new value is a new row, so no old ciphertext of the same cell exists.
create table secret_versions (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    secret_id uuid not null,
    version integer not null check (version > 0),
    value vf.sealed not null,
    created_at timestamptz not null default now(),
    created_by uuid,
    primary key (organization_id, id),
    unique (organization_id, secret_id, version),
    foreign key (organization_id, secret_id) references secrets (organization_id, id) on delete cascade
);
select vf.protect('secret_versions', array['insert'], array['vf_app']);
grant select (organization_id, id, secret_id, version, created_at, created_by) on secret_versions to vf_app;
grant select on secret_versions to vf_signer;

-- Which pipeline refers to which secret: written by the room above when a draft or a revision is saved.
create table secret_uses (
    organization_id uuid not null references organizations (id),
    environment_id uuid not null,
    secret_name text not null check (length(secret_name) between 1 and 64),
    pipeline_id uuid not null,
    pipeline_name text not null check (length(pipeline_name) <= 100),
    in_draft boolean not null,
    in_revision boolean not null,
    primary key (organization_id, environment_id, secret_name, pipeline_id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    check (in_draft or in_revision)
);
create index secret_uses_pipeline on secret_uses (organization_id, pipeline_id);
comment on column secret_uses.secret_name is 'plain: the name that documents refer to';
comment on column secret_uses.pipeline_name is 'plain: shown to the members of the environment';
select vf.protect('secret_uses', array['select', 'insert', 'update', 'delete'], array['vf_app']);
"""


def upgrade() -> None:
    """Create the tables of the rooms keys and vault."""
    for statements in (KEYS, VAULT):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
