"""`dagy inspect`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagy.building import measured_durations
from dagy.cli.params import read_params
from dagy.cli.screen import print_json, print_plain, say_warning
from dagy.errors import BundleError, CompileError
from dagy.loader import load_flow
from dagy.options import nearest
from dagy.spec import FlowSpec

if TYPE_CHECKING:
    from dagy_compiler import Plan

FORMATS = ("outline", "asl", "mermaid", "dot", "json")


def inspect_target(
    target: str,
    output_format: str,
    part: str | None,
    after: str | None,
    mode: str,
    pairs: Sequence[str],
    params_file: Path | None,
    *,
    explain: bool,
    as_json: bool,
    fuse: str | None,
    joins: str | None,
    from_history: bool,
) -> None:
    """Show a state machine; with `after` the plan as that pass left it; with `explain` the why.

    Of a flow that is split, `part` names the machine.
    """
    if output_format not in FORMATS:
        raise CompileError(
            f"--format {output_format}: there is no such format{nearest(output_format, FORMATS)}; "
            f"the formats are {', '.join(FORMATS)}"
        )
    if part is not None and output_format != "asl":
        raise CompileError("--part shows a machine that is nested in another: give it --format asl")
    if after is not None and output_format != "outline":
        raise CompileError(
            f"--format {output_format}: a plan after a pass has one form; leave out --format or "
            "--after"
        )
    if explain and (after is not None or output_format != "outline"):
        raise CompileError("--explain: an explanation has one form; leave out --format and --after")
    if as_json and not explain:
        raise CompileError("--json goes with --explain; --format json shows the FlowSpec")
    if Path(target).is_dir():
        if explain or after is not None or pairs or params_file is not None or from_history:
            raise BundleError(
                f"{target}: a bundle is finished; give --after, --explain, --param, --params-file "
                "and --profile-from-history with a .py file"
            )
        _show_bundle(Path(target), output_format, part)
        return
    flow = load_flow(target).flow
    spec = flow.build(**read_params(flow, pairs, params_file))
    measured = measured_durations(spec) if from_history else None
    from dagy_compiler import compile_flow, describe, run_passes

    if after is not None:
        plan = run_passes(spec, mode=mode, fuse=fuse, joins=joins, measured=measured, after=after)
        print_plain(describe(plan, after))
        return
    if explain:
        plan = run_passes(spec, mode=mode, fuse=fuse, joins=joins, measured=measured)
        _explain(plan, as_json=as_json)
        return
    compiled = compile_flow(spec, mode=mode, fuse=fuse, joins=joins, measured=measured)
    _show(spec, compiled.definition(), compiled.parts(), output_format, part)


def _explain(plan: Plan, *, as_json: bool) -> None:
    from dagy_compiler import explain, explanation_text

    found = explain(plan)
    if as_json:
        print_json(asdict(found))
    else:
        print_plain(explanation_text(found))


def _show_bundle(path: Path, output_format: str, part: str | None) -> None:
    from dagy_compiler.bundle import read_bundle

    bundle = read_bundle(path)
    _show(bundle.spec, bundle.definition, bundle.parts, output_format, part)


def _show(
    spec: FlowSpec,
    definition: dict[str, Any],
    parts: dict[str, dict[str, Any]],
    output_format: str,
    part: str | None,
) -> None:
    from dagy_compiler import render

    match output_format:
        case "asl":
            print_json(definition if part is None else _part(parts, part))
            if parts and part is None:
                say_warning(f"it runs other machines, which --part shows: {', '.join(parts)}")
        case "json":
            print_plain(spec.to_json(indent=2))
        case "mermaid":
            print_plain(render.mermaid(definition, parts))
        case "dot":
            print_plain(render.dot(definition, parts))
        case _:
            print_plain(render.outline(definition, parts))


def _part(parts: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in parts:
        there = f"its parts are {', '.join(parts)}" if parts else "it is one machine"
        raise CompileError(f"--part {name}: there is no such part{nearest(name, parts)}; {there}")
    return parts[name]
