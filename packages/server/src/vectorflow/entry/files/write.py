"""Writing files so that a reader finds the old text or the new, never half of one."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


class NotWritten(Exception):
    """A file could not be written. The text says which and why."""


def write_file(path: Path, text: str) -> None:
    """Write a file in UTF-8, with the mode it had; folders above it are made. Raises `NotWritten`."""
    real = path.resolve() if path.is_symlink() else path
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(text.encode())
            Path(temporary).chmod(_mode(real))
            Path(temporary).replace(real)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise NotWritten(f"{path} cannot be written: {reason}.") from None


def _mode(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
