"""The fingerprint of the fences, and no more rights on the queue than the worker needs.

``vf.fingerprint`` is global (no organisation, no customer's data): the digest of every policy, grant, function and
role as `migrate` left them. Serving roles read it to compare; only the owner writes it.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = r"""
create table vf.fingerprint (
    kind text not null,
    name text not null,
    digest text not null check (length(digest) = 64),
    primary key (kind, name)
);
revoke all on vf.fingerprint from public;
grant select on vf.fingerprint to vf_app, vf_worker, vf_signer, vf_telemetry;

-- TRUNCATE passes by row-level security, and the queue is never emptied that way.
revoke truncate, references, trigger on all tables in schema jobs from vf_worker;
"""


def upgrade() -> None:
    """Create the fingerprint's table and take rights away that nobody uses."""
    op.get_bind().exec_driver_sql(SQL)
