"""Rotation of data keys: what the signer may change, and how many encryptions a key version was given."""

from alembic import op

revision = "0011"
down_revision = "0010"

SQL = r"""
alter table data_keys add column destroyed_at timestamptz;
alter table data_keys add constraint data_keys_destroyed
    check (destroyed_at is null or (retired_at is not null and wrapped = decode(repeat('00', 48), 'hex')));
grant insert on data_keys to vf_signer;
grant update (wrapped, retired_at, destroyed_at) on data_keys to vf_signer;
grant update (value) on secret_versions to vf_signer;
grant update (private) on signing_keys to vf_signer;

-- A process takes encryptions in blocks; rows are only ever added, so no count can be taken back.
create table data_key_leases (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    key_version integer not null check (key_version > 0),
    encryptions bigint not null check (encryptions > 0),
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, key_version) references data_keys (organization_id, version)
);
create index data_key_leases_version on data_key_leases (organization_id, key_version);
select vf.protect('data_key_leases', array['select', 'insert'], array['vf_app', 'vf_worker', 'vf_signer']);
"""


def upgrade() -> None:
    """Let the signer rotate data keys, and count encryptions."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
