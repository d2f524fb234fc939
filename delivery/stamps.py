"""What seldom changes is read once per process, and again when its row has another stamp."""


def stamp(row: str) -> str:
    """Return SQL for a row's stamp: another one after every change, also after the second in one transaction."""
    return f"({row}.xmin::text || {row}.ctid::text)"
