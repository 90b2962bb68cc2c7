"""`dagy build`."""

from __future__ import annotations

import platform
import shlex
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dagy.cli.params import read_params
from dagy.cli.profile import measured_durations
from dagy.cli.screen import print_json, say
from dagy.errors import LoadError
from dagy.flow import TracedFlow
from dagy.interpreter.body import arguments_of
from dagy.loader import LoadedFlow, check_importable, load_flow


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
    from_history: bool,
    as_json: bool,
) -> None:
    """Compile the flow of a file and write its bundle."""
    from dagy_compiler import compile_flow
    from dagy_compiler.bundle import FlowSource, write_bundle
    from dagy_compiler.render import size

    loaded = with_data_files(load_flow(target), include)
    bound = read_params(loaded.flow, pairs, params_file)
    traced = loaded.flow.trace(bound, version=version)
    spec = traced.spec
    check_importable(loaded.flow, traced)
    for warning in _warnings(traced):
        warnings.warn(warning, stacklevel=1)
    measured = measured_durations(spec) if from_history else None
    compiled = compile_flow(spec, mode=mode, fuse=fuse, measured=measured)
    bundle = write_bundle(
        compiled,
        FlowSource(loaded.root, loaded.files),
        output,
        python_version=".".join(platform.python_version_tuple()[:2]),
    )
    if as_json:
        print_json(bundle.manifest)
        return
    states = size(compiled.definition(), compiled.parts())
    say(f"Built {spec.name} ({mode}) in {bundle.path}: {states}")
    if measured is not None:
        say(f"  arranged by the durations of {len(measured)} of {len(spec.task_runs)} task runs")
    for name, length in bundle.sizes.items():
        say(f"  {name:<24} {length:>10,} bytes")
    say(f"To see the machine: dagy inspect {shlex.quote(str(bundle.path))}")


def _warnings(traced: TracedFlow) -> Iterator[str]:
    """Yield what will be different on AWS, or has to be seen to there."""
    tasks = traced.spec.tasks
    cached = [name for name, task in tasks.items() if task.cache is not None]
    if cached:
        yield (
            f"nothing is cached on AWS in this version of Dagy; there {', '.join(cached)} will run "
            "each time"
        )
    rich = [
        name
        for name, task in traced.tasks.items()
        if arguments_of(tasks[name], task.fn).needs_pydantic
    ]
    if rich:
        yield (
            f"the annotations of {', '.join(rich)} take pydantic, and artifact.zip holds no "
            "packages from elsewhere; give the function a Lambda layer that has it"
        )


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
