"""Where the project of a flow is: what lies outside it is somebody else's, and is never packed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_REPOSITORY = (".git", ".hg")
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "dagy.toml", "requirements.txt")


def project_of(file: Path, root: Path) -> Path:
    """Return the folder of the project that a flow belongs to.

    That is the repository it lies in. Without one it is the nearest folder, upwards, that has a
    project's file (`pyproject.toml`, `requirements.txt` and the like); else where imports start.
    The user's home is no project, whatever lies in it.

    Args:
        file: the flow's.
        root: the folder that imports start from.
    """
    folders = [folder for folder in (file.parent, *file.parent.parents) if not _is_home(folder)]
    for names in (_REPOSITORY, _PROJECT):
        for folder in folders:
            if any((folder / name).exists() for name in names):
                # A package may have a project's file of its own within it.
                return folder if root.is_relative_to(folder) else root
    return root


def folders_up(file: Path, project: Path) -> Iterator[Path]:
    """Yield the folders of a flow's file, from its own up to the project's."""
    for folder in (file.parent, *file.parent.parents):
        yield folder
        if folder == project:
            return


def _is_home(folder: Path) -> bool:
    return folder == folder.parent or folder == _home()


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
