"""`dagy build`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagy.building import BuildOptions, Built, build
from dagy.cli.params import read_params
from dagy.cli.screen import print_json, say, say_progress, say_warning
from dagy.loader import load_flow


def build_flow(
    target: str,
    options: BuildOptions,
    output: Path,
    pairs: Sequence[str],
    params_file: Path | None,
    *,
    listing: bool,
    as_json: bool,
) -> None:
    """Compile the flow of a file and write its bundle.

    Args:
        target: `FILE.py[:FLOW]`.
        options: how to build it.
        output: where the bundle's folder goes.
        pairs: of `--param`.
        params_file: of `--params-file`.
        listing: show every file that is packed.
        as_json: print the manifest, and what is packed.
    """
    loaded = load_flow(target)
    bound = read_params(loaded.flow, pairs, params_file)
    built = build(loaded, replace(options, bound=bound, told=say_progress), output)
    if as_json:
        print_json(built.bundle.manifest | packed(built))
        return
    for line in _told(built):
        say(line)
    for line in (*_packed_lines(built, listing), *_package_lines(built, listing)):
        say(line)
    say(f"To see the machine: dagy inspect {shlex.quote(str(built.bundle.path))}")
    warn_of_left_out(built, listing=listing)


def warn_of_left_out(built: Built, *, listing: bool = False) -> None:
    """Say on stderr what is not packed; what nobody misses, only in a list."""
    for left_out in built.left_out:
        if listing or not left_out.is_expected:
            say_warning(f"left out: {left_out}")


def packed(built: Built) -> dict[str, Any]:
    """Return what of the user's is packed and what is not, as `--json` shows it."""
    return {
        "packed": [{"name": name, "bytes": size} for name, size in built.packed.items()],
        "left_out": [{"name": each.name, "why": each.why} for each in built.left_out],
    }


def _told(built: Built) -> Iterator[str]:
    from dagy_compiler.render import size

    bundle, compiled = built.bundle, built.compiled
    spec = compiled.spec
    states = size(compiled.definition(), compiled.parts())
    yield f"Built {spec.name} ({compiled.mode}) in {bundle.path}: {states}"
    if built.measured is not None:
        known = len(built.measured)
        yield f"  arranged by the durations of {known} of {len(spec.task_runs)} task runs"
    if built.schedule is not None:
        from dagy.cli.schedule import meaning_lines

        yield from meaning_lines(built.schedule)
    for name, length in bundle.sizes.items():
        yield f"  {name:<24} {length:>10,} bytes"


def _packed_lines(built: Built, listing: bool) -> Iterator[str]:
    total = sum(built.packed.values())
    count = len(built.packed)
    files = "1 file" if count == 1 else f"{count} files"
    if not listing:
        yield f"Packed {files} of yours, {total:,} bytes (--list shows them)"
        return
    yield f"Packed {files} of yours, {total:,} bytes:"
    for name, length in built.packed.items():
        yield f"  {name:<40} {length:>10,} bytes"


def _package_lines(built: Built, listing: bool) -> Iterator[str]:
    told = built.bundle.manifest["dependencies"]
    asking = f"{told['origin']} asks" if told["origin"] else "the annotations of tasks ask"
    for architecture, packages in told["packages"].items():
        size = sum(each["bytes"] for each in packages.values())
        count = "1 package" if len(packages) == 1 else f"{len(packages)} packages"
        yield f"Packed {count} for {architecture}, {size:,} bytes unzipped, as {asking}"
        for name, each in packages.items() if listing else ():
            yield f"  {name + ' ' + each['version']:<40} {each['bytes']:>10,} bytes"
