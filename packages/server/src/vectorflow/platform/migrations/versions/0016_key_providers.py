"""Plans; longer names of key providers; who may destroy all of an organisation's data keys."""

from alembic import op

revision = "0016"
down_revision = "0015"

SQL = r"""
alter table organizations add column plan text not null default 'enterprise'
    check (plan in ('free', 'pro', 'enterprise'));
comment on column organizations.plan is 'plain: decides what the organisation may use';

-- A provider's name holds the address of its key, so that each row tells what unwraps it.
alter table data_keys drop constraint data_keys_provider_check;
alter table data_keys add constraint data_keys_provider_check check (length(provider) between 1 and 512);
grant update (wrapped, retired_at, destroyed_at) on data_keys to vf_worker;
grant update (provider) on data_keys to vf_signer;
"""


def upgrade() -> None:
    """Let data keys be wrapped by any provider, and be destroyed when an organisation ends."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
