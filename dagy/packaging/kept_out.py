"""What is never packed, whoever asks for it: links, secrets, and what belongs to tools."""

from __future__ import annotations

import fnmatch
from pathlib import Path

OF_TOOLS = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "site-packages", "dist-packages"}
)
"""Folders of version control, environments, and packages."""

_CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"})
_SECRET_FOLDERS = frozenset({".aws", ".ssh", ".gnupg", ".azure", ".kube", ".docker"})
_SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    "*.ppk", "*.gpg", "*.asc", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "credentials",
    "credentials.*", "*_credentials.*", "*-credentials.*", "secret.*", "secrets.*",
    "service-account*.json", "service_account*.json", ".netrc", "_netrc", ".pgpass", ".npmrc",
    ".pypirc", ".htpasswd", ".git-credentials", ".dockerconfigjson",
)  # fmt: skip
_PRIVATE_KEY = b"-----BEGIN"


def why_kept_out(file: Path, project: Path) -> str | None:
    """Return why a file is not packed, or None for one that is.

    Args:
        file: absolute, and there.
        project: what lies outside it is not packed.
    """
    if not file.is_relative_to(project):
        return f"lies outside the project {project}"
    parts = file.relative_to(project).parts
    link = next((p for p in _upwards(file, project) if p.is_symlink()), None)
    if link is not None:
        within = "" if link == file else f" by way of {link.name}"
        return f"is a symbolic link{within}, which may lead anywhere"
    if found := OF_TOOLS.intersection(parts):
        return f"belongs to {min(found)}"
    if looks_like_a_secret(file, parts):
        return "looks like a secret; name it in a task's secrets instead"
    return None


def is_cache(file: Path) -> bool:
    """Tell whether a file is one that tools make again, so that nobody misses it."""
    return bool(_CACHES.intersection(file.parts)) or file.suffix in {".pyc", ".pyo"}


def looks_like_a_secret(file: Path, parts: tuple[str, ...]) -> bool:
    """Tell whether a file is named like one that holds secrets, or begins as a private key does.

    A module may be called `secrets.py`: code is judged by what it begins with alone.
    """
    name = file.name.lower()
    if _SECRET_FOLDERS.intersection(parts):
        return True
    if file.suffix != ".py" and any(fnmatch.fnmatchcase(name, each) for each in _SECRET_NAMES):
        return True
    try:
        with file.open("rb") as opened:
            start = opened.read(64)
    except OSError:
        return False
    return start.startswith(_PRIVATE_KEY) and b"PRIVATE KEY" in start


def _upwards(file: Path, project: Path) -> list[Path]:
    """The file and the folders it lies in, below the project."""
    return [path for path in (file, *file.parents) if path != project and project in path.parents]
