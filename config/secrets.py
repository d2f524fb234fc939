"""The key that signs sessions and links: given by the environment, or made once and kept."""

import os
import secrets
from pathlib import Path

LENGTH_BYTES = 48


def secret_key(folder: Path) -> str:
    """Return TACT_SECRET_KEY if set, else the key in ``folder``, where the first process leaves one (mode 0600)."""
    if given := os.environ.get("TACT_SECRET_KEY"):
        return given
    kept = folder / "secret_key"
    if not kept.exists():
        _keep(kept)
    return kept.read_text().strip()


def _keep(kept: Path) -> None:
    """Write a new key under a name of our own, then link it: of several processes one wins, and no file is half."""
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = kept.with_name(f"{kept.name}.{os.getpid()}")
    with open(os.open(ours, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(LENGTH_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(ours, kept)
    except FileExistsError:
        pass
    finally:
        ours.unlink()
