"""The files of a new project, from the Jinja2 sources in `templates/project`."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dagy.errors import ProjectError
from dagy.version import __version__, python_minor

WORKFLOW = ".github/workflows/dagy.yml"


@dataclass(frozen=True)
class ProjectName:
    """What people call a project, and what it is called where less is allowed.

    Attributes:
        given: any text, as the name of a folder.

    Examples:
        >>> name = ProjectName("Über-Ranking 2!")
        >>> name.project, name.module
        ('uber-ranking-2', 'uber_ranking_2')
    """

    given: str

    @cached_property
    def project(self) -> str:
        """For `pyproject.toml`: lower-case ASCII letters, digits and single hyphens."""
        plain = unicodedata.normalize("NFKD", self.given).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_LONGEST].rstrip("-") or "flow"

    @cached_property
    def module(self) -> str:
        """For Python: the name of the flow and of its module, which hides no other module."""
        name = self.project.replace("-", "_")
        if name[0].isdigit():
            name = f"flow_{name}"
        return f"{name}_flow" if keyword.iskeyword(name) or name in _TAKEN else name


_LONGEST = 50

_TAKEN = frozenset(sys.stdlib_module_names) | {
    "aws_cdk", "boto3", "botocore", "conftest", "constructs", "dagy", "dagy_cdk", "dagy_compiler",
    "duckdb", "flow", "jinja2", "numpy", "pandas", "pip", "polars", "pyarrow", "pydantic", "pytest",
    "rich", "ruff", "setup", "setuptools", "task", "tests", "typer",
}  # fmt: skip
"""Names of modules that a project may import, of folders in it, and of what its flow imports."""


def project_files(name: ProjectName) -> dict[str, str]:
    """Return the files of a new project, by their path in it.

    Args:
        name: of the project.
    """
    from dagy_compiler.templates import render_file

    values = {
        "project": name.project,
        "module": name.module,
        "python_version": python_minor(),
        "dagy_version": __version__,
    }
    sources = {
        f"{name.module}.py": "flow.py",
        f"tests/test_{name.module}.py": "test_flow.py",
        "pyproject.toml": "pyproject.toml",
        "dagy.toml": "dagy.toml",
        "Makefile": "Makefile",
        "README.md": "README.md",
        ".gitignore": "gitignore",
    }
    return {path: render_file(f"project/{source}", **values) for path, source in sources.items()}


def workflow_files() -> dict[str, str]:
    """Return the workflow of GitHub Actions that tests a project and deploys it."""
    from dagy_compiler.templates import render_file

    return {WORKFLOW: render_file("ci/dagy.yml", python_version=python_minor())}


def write_new(folder: Path, files: dict[str, str]) -> None:
    """Write files that are not there yet, or none at all.

    Args:
        folder: made if it is not there.
        files: by path in it.

    Raises:
        ProjectError: one is there, or cannot be written.
    """
    there = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    if there:
        raise ProjectError(
            f"{folder}: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already, and "
            "nothing is overwritten; move it away, or name another folder"
        )
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise ProjectError(f"{folder / path}: cannot be written: {error.strerror}") from error
