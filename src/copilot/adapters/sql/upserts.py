"""INSERT … ON CONFLICT, in the words that SQLite and PostgreSQL share."""

from sqlalchemy.dialects.postgresql import insert as upsert

__all__ = ["upsert"]
