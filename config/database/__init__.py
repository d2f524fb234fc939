"""A Django database engine: PostgreSQL over kept connections, the server ours or another's."""
