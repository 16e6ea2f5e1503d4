"""Folders and tags of pipelines, and the filters of lists that a person has saved."""

from alembic import op

revision = "0029"
down_revision = "0028"

SQL = r"""
alter table pipelines
    add column folder text not null default '' check (length(folder) <= 100),
    add column tags text[] not null default '{}' check (cardinality(tags) <= 20);
comment on column pipelines.folder is 'plain: where people have put it; a filter of lists';
comment on column pipelines.tags is 'plain: what people have called it; a filter of lists';

create table saved_filters (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    account_id uuid not null,
    name text not null check (length(name) between 1 and 60),
    search text not null check (length(search) between 1 and 1000),
    primary key (organization_id, id),
    unique (organization_id, environment_id, account_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, account_id) references memberships (organization_id, account_id) on delete cascade
);
comment on column saved_filters.name is 'plain: shown to who saved it';
comment on column saved_filters.search is 'plain: the search parameters of a list, as they stand in its address';
select vf.protect('saved_filters', array['select', 'insert', 'update', 'delete'], array['vf_app']);
"""


def upgrade() -> None:
    """Add them; versions before this one go on with pipelines that have neither folder nor tags."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
