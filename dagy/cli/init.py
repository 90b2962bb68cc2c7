"""`dagy init`."""

from __future__ import annotations

import shlex
from pathlib import Path

from dagy.cli.screen import print_json, say
from dagy.errors import ProjectError
from dagy.project import ProjectName, project_files, workflow_files, write_new


def init_project(folder: Path | None, *, ci: bool, as_json: bool) -> None:
    """Write the files of a new project, or a workflow into one that is there."""
    if folder is None and not ci:
        raise ProjectError(
            "name a folder for the project: dagy init my-project; or add a workflow of GitHub "
            "Actions to the one that you are in: dagy init --ci"
        )
    place = Path.cwd() if folder is None else folder
    name = ProjectName(place.resolve().name)
    files = {} if folder is None else project_files(name)
    if ci:
        files |= workflow_files()
    write_new(place, files)
    if as_json:
        print_json({"folder": str(place), "module": name.module, "files": list(files)})
        return
    say(f"Made {len(files)} {'file' if len(files) == 1 else 'files'} in {place}:")
    for path in files:
        say(f"  {path}")
    if folder is not None:
        say(f"Go on with: cd {shlex.quote(str(folder))} && make test")
    else:
        say("The first lines of it say what to set in GitHub and in AWS.")
