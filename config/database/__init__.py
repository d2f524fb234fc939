"""A Django database engine: PostgreSQL over kept connections."""
