"""What a construct is made of: a bundle that is there, or one that is built at synth."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dagy.building import BuildOptions, build
from dagy.errors import CompileError
from dagy.flow import Flow
from dagy.loader import LoadedFlow, load_flow, loaded_flow
from dagy_compiler.bundle import Bundle, read_bundle

# Assets are copied while constructs are made, but for apps that switch that off; so the folder is
# there until Python ends.
_BUILT: list[tempfile.TemporaryDirectory[str]] = []


def bundle_of(
    flow: Flow[..., Any] | str | None, bundle: str | Path | None, options: BuildOptions
) -> Bundle:
    """Return the bundle of a construct.

    Args:
        flow: a flow, or `FILE.py[:FLOW]`, to be built now.
        bundle: or the folder of one that was built.
        options: how a flow is built.

    Raises:
        CompileError: both are given, or neither.
        DagyError: the flow cannot be built, or the bundle cannot be read; says why.
    """
    if bundle is not None and flow is None:
        return read_bundle(Path(bundle))
    if flow is None or bundle is not None:
        raise CompileError("DagyFlow takes flow=, or bundle=, and not both")
    _BUILT.append(tempfile.TemporaryDirectory(prefix="dagy-cdk-"))
    return build(_loaded(flow), options, Path(_BUILT[-1].name)).bundle


def _loaded(flow: Flow[..., Any] | str) -> LoadedFlow:
    if isinstance(flow, str):
        return load_flow(flow)
    if flow.fn.__module__ == "__main__":
        raise CompileError(
            f"flow {flow.name!r} is defined in the CDK app itself, which a worker could not import "
            "without the CDK; define it in a module of its own, and import it from there"
        )
    return loaded_flow(flow)
