"""Who owns a run: the process that holds the lock on its journal.

A process id says little: it is used again, and the process may be on another machine that shares
the folder. A lock of the operating system is let go at the very moment its process ends, however it
ends, and at no other: a slow owner, a suspended one and one whose clock was set still hold it.

The lock belongs to the open file, so a forked child would go on holding it after its parent died;
`Journal` closes the file in the child. Programs that are started from a run do not inherit it,
because Python opens files close-on-exec.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes and keeps others from reading those, so lock one that no journal reaches.
    _FAR_AWAY = 1 << 62

    def hold(descriptor: int) -> None:
        """Lock an open file until it is closed."""
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, at, os.SEEK_SET)

    def _try(descriptor: int) -> None:
        os.lseek(descriptor, _FAR_AWAY, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def hold(descriptor: int) -> None:
        """Lock an open file until it is closed.

        Raises:
            OSError: the file system has no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _try(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def is_held(journal: Path) -> bool | None:
    """Tell whether the process that writes a journal is still there.

    Ask only about a journal that has a header or a marker: those come after the lock is taken, and
    a lock that was let go is never taken again, so False is final.

    Args:
        journal: the file; one that is gone is held by nobody.

    Returns:
        None where the file system has no locks, and nobody can tell.
    """
    try:
        descriptor = os.open(journal, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        _try(descriptor)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
