"""Templates and snippets that an organisation keeps."""

from alembic import op

revision = "0026"
down_revision = "0025"

SQL = r"""
create table pipeline_templates (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 100),
    summary text not null default '' check (length(summary) <= 500),
    document json not null,
    component_count integer not null check (component_count > 0),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, name)
);
comment on column pipeline_templates.name is 'plain: shown to the members of the organisation';
comment on column pipeline_templates.summary is 'plain: shown to the members of the organisation';
comment on column pipeline_templates.document is 'plain: a pipeline; credentials in plain text are left out, secrets are names';
comment on column pipeline_templates.updated_by is 'plain: the name of who kept it, as it was then';
select vf.protect('pipeline_templates', array['select', 'insert', 'delete'], array['vf_app']);

create table vrl_snippets (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 100),
    summary text not null default '' check (length(summary) <= 500),
    program text not null check (length(program) between 1 and 65536),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, name)
);
comment on column vrl_snippets.name is 'plain: shown to the members of the organisation';
comment on column vrl_snippets.summary is 'plain: shown to the members of the organisation';
comment on column vrl_snippets.program is 'plain: VRL, which cannot hold secrets';
comment on column vrl_snippets.updated_by is 'plain: the name of who kept it, as it was then';
select vf.protect('vrl_snippets', array['select', 'insert', 'delete'], array['vf_app']);
"""


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
