"""One process owns a data folder; the system gives the lock back when that process dies, however it dies."""

import fcntl
import os
from pathlib import Path

from chowon.errors import Misconfigured


class FolderLock:
    """Held from construction until `release`. Errors: Misconfigured if another process holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "chowon.lock"
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Misconfigured(
                f"{self._path}: {error.strerror}; make the folder writable or set another data folder"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise Misconfigured(
                f"another chowon (pid {owner}) is using {folder}; stop it or set another data folder"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process own the folder."""
        os.close(self._fd)
