"""Where things lie: the project, and the data folder that outlives every process."""

import hashlib
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SYSTEM_FOLDER = Path("/var/lib/tact")


def data() -> Path:
    """Return the folder of this checkout's data, which may not exist yet.

    ``TACT_DATA_DIR`` if set, else ``var/`` in the project. For root it is a folder below /var/lib/tact named
    after the project's path: PostgreSQL then runs as a user who may not be able to reach the project.
    """
    if named := os.environ.get("TACT_DATA_DIR"):
        return Path(named).absolute()
    if os.geteuid() != 0:
        return PROJECT / "var"
    return SYSTEM_FOLDER / hashlib.sha256(bytes(PROJECT)).hexdigest()[:10]


def make(folder: Path, *, mode: int = 0o700, uid: int = -1, gid: int = -1) -> None:
    """Create ``folder`` with exactly this mode and owner; a folder that exists is left as it is.

    Missing parents become 0711 for root, who shares them with PostgreSQL's user, else 0700: nobody else can list them.
    """
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        make(folder.parent, mode=0o711 if os.geteuid() == 0 else 0o700)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # another process was faster
        return
    os.chown(folder, uid, gid)
    folder.chmod(mode)
