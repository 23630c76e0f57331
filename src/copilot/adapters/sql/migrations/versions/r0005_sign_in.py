"""When API keys expire."""

from alembic import op
from sqlalchemy import inspect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    bind = op.get_bind()
    text = 'TEXT COLLATE "C"' if bind.dialect.name == "postgresql" else "TEXT"
    # SQLite stores from before there were revisions may have it.
    if "expires_at" not in {column["name"] for column in inspect(bind).get_columns("api_keys")}:
        bind.exec_driver_sql(f"ALTER TABLE api_keys ADD COLUMN expires_at {text}")


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE api_keys DROP COLUMN expires_at")
