"""What is made once and kept: in the folder that the platform has for caches."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dagy.errors import BundleError

VARIABLE = "DAGY_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder of the cache, as `~/.cache/dagy`, unless `DAGY_CACHE_DIR` moves it."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("dagy", appauthor=False)


def keep(path: Path, data: bytes) -> None:
    """Write a file of the cache: whole, or not at all.

    Raises:
        BundleError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be written: {error.strerror or error}; set {VARIABLE} to a folder "
            "that can"
        ) from error
