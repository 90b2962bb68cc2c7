"""The packages of a flow in its stack: a Lambda layer for each architecture, and archives alike.

A layer has an id made from its content, so that a function with other packages is another version.
Versions that were published keep a layer that is gone (Lambda developer guide, "Managing Lambda
dependencies with layers"). Containers unpack the same archive, and have no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dagy.errors import LimitError
from dagy.packaging.vendor import Layer
from dagy_compiler.cloudformation import (
    Json,
    LayerContent,
    LayerVersion,
    Parameter,
    Resource,
    ref,
)
from dagy_compiler.limits import UNZIPPED_BYTES
from dagy_compiler.modes import ECS, LAMBDA
from dagy_compiler.placement import FUNCTION
from dagy_compiler.plan import Plan
from dagy_compiler.stack import Stack

Layers = Mapping[str, Layer]
"""The packages of a flow, by architecture."""

BIGGEST: Final = 5
"""Packages that an error names."""


def architectures(plan: Plan) -> list[str]:
    """Return the architectures that a flow's workers run on, in order."""
    places = (place for place in plan.places.values() if place.executor in (ECS, LAMBDA))
    return sorted({place.architecture for place in places})


def file_name(architecture: str) -> str:
    """Return the name of the archive in the bundle."""
    return f"dependencies.{architecture}.zip"


def key_parameter(architecture: str) -> str:
    """Return the parameter that says where the archive lies in the bucket of artifact.zip."""
    return f"Dependencies{_title(architecture)}Key"


def parameters(layers: Layers) -> dict[str, Parameter]:
    """Return the parameters of a stack with packages."""
    return {
        key_parameter(architecture): Parameter(
            description=f"S3 key of {file_name(architecture)}, in the bucket of artifact.zip",
            min_length=1,
        )
        for architecture in layers
    }


def resources(stack: Stack) -> dict[str, Resource]:
    """Return the layers that functions of a stack have, by logical id."""
    return {
        layer_id(layer): Resource(
            type="AWS::Lambda::LayerVersion",
            properties=LayerVersion(
                description=f"Packages of Dagy flow {stack.flow}",
                compatible_architectures=[architecture],
                compatible_runtimes=[f"python{stack.python_version}"],
                content=LayerContent(
                    s3_bucket=ref("ArtifactBucket"), s3_key=ref(key_parameter(architecture))
                ),
            ),
        )
        for architecture, layer in stack.code.function_layers.items()
    }


def layer_id(layer: Layer) -> str:
    """Return the logical id of a layer, which changes with its content."""
    return f"Dependencies{_title(layer.architecture)}{layer.sha256[:8]}"


def attached(layers: Layers, architecture: str) -> list[Json] | None:
    """Return the layers of a function."""
    return [ref(layer_id(layers[architecture]))] if architecture in layers else None


def of_functions(plan: Plan, layers: Layers, code_bytes: int) -> Layers:
    """Return the layers that functions have.

    In a flow whose tasks all run in containers, the function that is asked between tasks goes
    without packages that are too large for it.

    Args:
        plan: after the last pass.
        layers: the packages of the flow.
        code_bytes: what artifact.zip takes, unzipped.

    Raises:
        LimitError: a function that runs tasks would be larger than Lambda accepts.
    """
    working = {unit.placement for unit in plan.units or ()}
    fitting = {}
    for place in plan.places.values():
        layer = layers.get(place.architecture)
        if place.executor != LAMBDA or layer is None:
            continue
        if layer.unzipped + code_bytes <= UNZIPPED_BYTES:
            fitting[place.architecture] = layer
        elif place.name in working or place.name != FUNCTION:
            raise LimitError(_too_large(plan.spec.name, layer, code_bytes))
    return fitting


def _too_large(flow: str, layer: Layer, code_bytes: int) -> str:
    largest = sorted(layer.sizes.items(), key=lambda each: -each[1])[:BIGGEST]
    listed = "\n".join(f"  {name:<24} {size / 1e6:>7.1f} MB" for name, size in largest)
    return (
        f"flow {flow!r}: its packages ({layer.architecture}) take {layer.unzipped:,} bytes and its "
        f"code {code_bytes:,}, and Lambda accepts {UNZIPPED_BYTES:,} together. The largest are\n"
        f"{listed}\n"
        "Run the flow in containers, which have no such limit (--execution-mode small or larger, "
        "or executor='ecs' on the tasks that need them), or declare less."
    )


def _title(architecture: str) -> str:
    return architecture.replace("_", "").title()
