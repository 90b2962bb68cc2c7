"""`dagy build`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dagy.building import BuildOptions, build
from dagy.cli.params import read_params
from dagy.cli.screen import print_json, say
from dagy.errors import LoadError
from dagy.loader import LoadedFlow, load_flow


def build_flow(
    target: str,
    output: Path,
    mode: str,
    pairs: Sequence[str],
    params_file: Path | None,
    include: Sequence[str],
    version: str,
    *,
    fuse: str,
    joins: str,
    from_history: bool,
    as_json: bool,
) -> None:
    """Compile the flow of a file and write its bundle."""
    from dagy_compiler.render import size

    loaded = with_data_files(load_flow(target), include)
    options = BuildOptions(
        mode=mode,
        fuse=fuse,
        joins=joins,
        version=version,
        bound=read_params(loaded.flow, pairs, params_file),
        from_history=from_history,
    )
    built = build(loaded, options, output)
    bundle, compiled = built.bundle, built.compiled
    if as_json:
        print_json(bundle.manifest)
        return
    spec = compiled.spec
    states = size(compiled.definition(), compiled.parts())
    say(f"Built {spec.name} ({mode}) in {bundle.path}: {states}")
    if built.measured is not None:
        known = len(built.measured)
        say(f"  arranged by the durations of {known} of {len(spec.task_runs)} task runs")
    for name, length in bundle.sizes.items():
        say(f"  {name:<24} {length:>10,} bytes")
    say(f"To see the machine: dagy inspect {shlex.quote(str(bundle.path))}")


def with_data_files(loaded: LoadedFlow, patterns: Sequence[str]) -> LoadedFlow:
    """Return a loaded flow with the files that the patterns match, from the flow's own folder.

    Raises:
        LoadError: a pattern matches nothing, or leads out of the folder.
    """
    folder = loaded.files[0].parent
    files = list(loaded.files)
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise LoadError(f"--include {pattern}: must stay within {folder}")
        matches = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not matches:
            raise LoadError(f"--include {pattern}: matches no file in {folder}")
        files += [path for path in matches if path not in files]
    return replace(loaded, files=tuple(files))
