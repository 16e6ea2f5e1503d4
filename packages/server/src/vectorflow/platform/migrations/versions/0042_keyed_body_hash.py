"""What a body of a repeatable request is compared by is keyed from now on; say so where the column says what it holds.

Hashes from before fit no body any more: a repeat of such a request within its day is refused, and nothing is done twice.
"""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Say what the column holds."""
    op.execute(
        "comment on column idempotency_keys.body_hash is "
        "'plain: HMAC-SHA-256 under a key that no serving role can read, compared only'"
    )
