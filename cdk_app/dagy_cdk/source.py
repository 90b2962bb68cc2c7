"""What a construct is made of: a bundle that is there, or one that is built at synth."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagy.building import BuildOptions, build
from dagy.errors import CompileError
from dagy.flow import Flow
from dagy.loader import LoadedFlow, load_flow, loaded_flow
from dagy_compiler.bundle import Bundle, read_bundle, rebuild

# Assets are copied while constructs are made, but for apps that switch that off; so the folder is
# there until Python ends.
_BUILT: list[tempfile.TemporaryDirectory[str]] = []


def bundle_of(
    flow: Flow[..., Any] | str | None, bundle: str | Path | None, asked: Mapping[str, Any]
) -> Bundle:
    """Return the bundle of a construct.

    Args:
        flow: a flow, or `FILE.py[:FLOW]`, to be built now.
        bundle: or the folder of one that was built. Where something is asked for, it is built anew
            from its own flow and code.
        asked: fields of `BuildOptions` by name, without those that were left out.

    Raises:
        CompileError: flow and bundle are given, or neither; or what is asked for changes the code.
        DagyError: the flow cannot be built, or the bundle cannot be read; says why.
    """
    if (flow is None) == (bundle is None):
        raise CompileError("DagyFlow takes flow=, or bundle=, and not both")
    if flow is not None:
        return build(_loaded(flow), BuildOptions(**asked), _folder()).bundle
    read = read_bundle(Path(str(bundle)))
    if not asked:
        return read
    fixed = [name for name in asked if name not in _CHANGEABLE]
    if fixed:
        raise CompileError(
            f"{read.path}: {', '.join(fixed)} cannot be changed in a bundle; give flow= instead"
        )
    return rebuild(read, _folder(), **asked)


_CHANGEABLE = frozenset({"mode", "fuse", "joins", "settings"})


def _folder() -> Path:
    _BUILT.append(tempfile.TemporaryDirectory(prefix="dagy-cdk-"))
    return Path(_BUILT[-1].name)


def _loaded(flow: Flow[..., Any] | str) -> LoadedFlow:
    if isinstance(flow, str):
        return load_flow(flow)
    if flow.fn.__module__ == "__main__":
        raise CompileError(
            f"flow {flow.name!r} is defined in the CDK app itself, which a worker could not import "
            "without the CDK; define it in a module of its own, and import it from there"
        )
    return loaded_flow(flow)
