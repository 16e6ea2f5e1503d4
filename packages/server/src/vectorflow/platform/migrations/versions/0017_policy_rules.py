"""An organisation's own rules about pipelines, and what revisions take of a node for themselves."""

from alembic import op

revision = "0017"
down_revision = "0016"

SQL = r"""
create table policy_rules (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 100),
    rule jsonb not null,
    environments text[] not null default '{}',
    version integer not null default 1 check (version > 0),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, name)
);
comment on column policy_rules.name is 'plain: shown to the members of the organisation';
comment on column policy_rules.rule is 'plain: types, options and hosts that are allowed or not';
comment on column policy_rules.environments is 'plain: slugs';
comment on column policy_rules.updated_by is 'plain: the name of who changed it, as it was then';
select vf.protect('policy_rules', array['select', 'insert', 'update', 'delete'], array['vf_app']);
grant select on policy_rules to vf_worker;

-- Looked up when another pipeline is checked; revisions never change, so neither do these rows.
create table revision_resources (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    pipeline_id uuid not null,
    number integer not null,
    component text not null check (length(component) <= 128),
    protocol text not null check (protocol in ('tcp', 'udp', 'unix', 'fd')),
    host text not null check (length(host) <= 1000),
    port integer not null,
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, pipeline_id, number) references revisions (organization_id, pipeline_id, number)
);
create index revision_resources_taken on revision_resources (organization_id, environment_id, protocol, port);
create index revision_resources_revision on revision_resources (organization_id, pipeline_id, number);
comment on column revision_resources.component is 'plain: an id in a configuration';
comment on column revision_resources.protocol is 'plain: one of our words';
comment on column revision_resources.host is 'plain: an address or socket path that a component listens on';
select vf.protect('revision_resources', array['select', 'insert']);
"""


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
