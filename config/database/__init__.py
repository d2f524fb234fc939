"""A Django database engine: PostgreSQL that starts the embedded server when a command first connects."""
