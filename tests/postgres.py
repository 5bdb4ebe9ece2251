"""A PostgreSQL cluster that lives as long as a `with` block: on a socket of its own, nobody else's data."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER = "postgres"
READY_S = 60


@contextmanager
def cluster() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database. Fails when PostgreSQL is not installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="chowon-pg-"))
    as_owner: list[str] = []
    if getpass.getuser() == "root":  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam(OWNER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_owner = ["runuser", "-u", OWNER, "--"]
    data = folder / "data"
    made = [*as_owner, programs / "initdb", "-D", data, "-A", "trust", "-U", OWNER, "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    control = [*as_owner, programs / "pg_ctl", "-D", data, "-w", "-t", str(READY_S)]
    started = [*control, "-o", options, "-l", folder / "log", "start"]
    try:
        subprocess.run(started, check=True, capture_output=True, cwd=folder)
        yield f"postgresql+psycopg://{OWNER}@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    initdb = found[-1] if found else shutil.which("initdb")
    assert initdb, "no PostgreSQL: run scripts/system-packages.sh as root"
    return Path(initdb).resolve().parent
