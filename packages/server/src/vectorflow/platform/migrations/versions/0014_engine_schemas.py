"""What engines say of themselves, by the digest of their program, and which nodes said so."""

from alembic import op

revision = "0014"
down_revision = "0013"

SQL = r"""
create table engine_schemas (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    digest bytea not null check (length(digest) = 32),
    content_sha256 bytea not null check (length(content_sha256) = 32),
    version text not null check (length(version) between 1 and 100),
    content bytea not null check (length(content) between 1 and 4194304),
    first_at timestamptz not null default now(),
    confirmed_at timestamptz,
    confirmed_by text not null default '' check (length(confirmed_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, digest, content_sha256)
);
create unique index engine_schemas_confirmed on engine_schemas (organization_id, digest)
    where confirmed_at is not null;
comment on column engine_schemas.digest is 'plain: SHA-256 of a program';
comment on column engine_schemas.content_sha256 is 'plain: SHA-256 of the content';
comment on column engine_schemas.version is 'plain: a version';
comment on column engine_schemas.content is 'plain: the names and types of options that the program knows';
comment on column engine_schemas.confirmed_by is 'plain: the name of who confirmed it, as it was then, or "nodes"';
select vf.protect('engine_schemas', array['select', 'insert', 'update', 'delete'], array['vf_app']);

create table engine_schema_nodes (
    organization_id uuid not null references organizations (id),
    schema_id uuid not null,
    node_id uuid not null,
    at timestamptz not null default now(),
    primary key (organization_id, schema_id, node_id),
    foreign key (organization_id, schema_id) references engine_schemas (organization_id, id) on delete cascade,
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
create index engine_schema_nodes_node on engine_schema_nodes (organization_id, node_id);
select vf.protect('engine_schema_nodes', array['select', 'insert'], array['vf_app']);

create index nodes_engine on nodes (organization_id, environment_id, engine_kind, engine_version, engine_digest)
    where revoked_at is null;
"""


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
