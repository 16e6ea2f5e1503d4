"""Pipelines with their drafts, and the revisions made from them.

Documents are ``json``, not ``jsonb``: the order of a component's options is what its author wrote.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = r"""
create table pipelines (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    description text not null default '' check (length(description) <= 2000),
    document json not null,
    document_hash bytea not null check (length(document_hash) = 32),
    component_count integer not null check (component_count between 0 and 1000),
    draft_version integer not null default 1 check (draft_version > 0),
    latest_revision integer check (latest_revision > 0),
    revised_hash bytea check (length(revised_hash) = 32),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    updated_by_id uuid,
    deleted_at timestamptz,
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
create unique index pipelines_name on pipelines (organization_id, environment_id, lower(name))
    where deleted_at is null;
comment on column pipelines.name is 'plain: shown to the members of the environment';
comment on column pipelines.description is 'plain: shown to the members of the environment';
comment on column pipelines.document is 'plain: what people draw; secrets are references';
comment on column pipelines.document_hash is 'plain: SHA-256 of the document without its layout';
comment on column pipelines.revised_hash is 'plain: SHA-256 of the document that the latest revision stands for';
comment on column pipelines.updated_by is 'plain: the name of who changed it, as it was then';
select vf.protect('pipelines', array['select', 'insert', 'update']);
grant select on pipelines to vf_signer;

create table revisions (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    pipeline_id uuid not null,
    number integer not null check (number > 0),
    sha256 bytea not null check (length(sha256) = 32),
    yaml bytea not null,
    document json not null,
    document_hash bytea not null check (length(document_hash) = 32),
    component_count integer not null check (component_count > 0),
    secrets text[] not null,
    target text not null check (length(target) <= 64),
    message text not null default '' check (length(message) <= 2000),
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    created_by_id uuid,
    primary key (organization_id, id),
    unique (organization_id, pipeline_id, number),
    foreign key (organization_id, pipeline_id) references pipelines (organization_id, id)
);
create index revisions_sha256 on revisions (organization_id, sha256);
comment on column revisions.sha256 is 'plain: SHA-256 of the compiled configuration';
comment on column revisions.yaml is 'plain: the compiled configuration; secrets are references';
comment on column revisions.document is 'plain: the document it was made from; secrets are references';
comment on column revisions.document_hash is 'plain: SHA-256 of the document without its layout';
comment on column revisions.secrets is 'plain: names of the secrets it refers to';
comment on column revisions.target is 'plain: the version of Vector it was compiled for';
comment on column revisions.message is 'plain: what its author said about it';
comment on column revisions.created_by is 'plain: the name of its author, as it was then';
select vf.protect('revisions', array['select', 'insert']);
grant select on revisions to vf_signer;

alter table secret_uses add foreign key (organization_id, pipeline_id) references pipelines (organization_id, id);
"""


def upgrade() -> None:
    """Create pipelines and revisions."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
