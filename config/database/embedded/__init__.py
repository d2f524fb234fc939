"""A Django database engine: PostgreSQL on the embedded server, which a connection starts and a mere import does not."""
