"""The files of a bundle, in memory: a pure function of the flow, its code and its settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dagy.errors import LimitError
from dagy.version import __version__
from dagy_compiler import layers
from dagy_compiler.artifact import FlowSource, artifact, code_hash, unzipped_bytes
from dagy_compiler.cloudformation import Output
from dagy_compiler.compile import CompiledFlow
from dagy_compiler.fargate import default_image
from dagy_compiler.label import Label, label_of
from dagy_compiler.layers import Layers, of_functions
from dagy_compiler.limits import DEFINITION_BYTES
from dagy_compiler.lines import definition_lines
from dagy_compiler.machines import OUTERMOST, Machine, key_parameter, machines_of
from dagy_compiler.modes import ECS
from dagy_compiler.passes.limits import deployed_bytes
from dagy_compiler.plan import Plan
from dagy_compiler.settings import Settings
from dagy_compiler.template import harmless, template, template_text
from dagy_compiler.templates import render_file
from dagy_compiler.versions import Code

MANIFEST = "manifest.json"
MANIFEST_VERSION = 3


@dataclass(frozen=True)
class Packages:
    """The packages of a flow.

    Attributes:
        origin: the file that declares them; None if none does.
        requirements: as it declares them.
        layers: by architecture.
    """

    origin: str | None = None
    requirements: Sequence[str] = ()
    layers: Layers = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what the manifest says of them."""
        return {
            "origin": self.origin,
            "requirements": list(self.requirements),
            "packages": {
                architecture: {
                    name: {"version": version, "bytes": layer.sizes.get(name, 0)}
                    for name, version in layer.versions.items()
                }
                for architecture, layer in self.layers.items()
            },
        }


NO_PACKAGES = Packages()


def files_of(
    compiled: CompiledFlow,
    source: FlowSource,
    *,
    python_version: str,
    deployment: str | None = None,
    environment: str | None = None,
    settings: Settings | None = None,
    packages: Packages = NO_PACKAGES,
) -> dict[str, bytes]:
    """Return the bytes of every file of a bundle, by name; the same input, the same bytes.

    Args, Raises: as `write_bundle`.
    """
    spec = compiled.spec.canonical()
    zipped = artifact(spec, source, packages.requirements)
    label = label_of(deployment or spec.name, environment)
    content = Content(zipped, code_hash(spec, source), packages)
    return files_from(compiled, content, label, python_version, settings or Settings())


@dataclass(frozen=True)
class Content:
    """What a bundle is made of besides the flow.

    Attributes:
        artifact: artifact.zip.
        code_hash: of the code in it.
        packages: what the flow declares.
    """

    artifact: bytes
    code_hash: str
    packages: Packages

    def code(self, plan: Plan) -> Code:
        """Return what the stack of a plan runs."""
        layers = self.packages.layers
        return Code(
            self.code_hash,
            hashlib.sha256(self.artifact).hexdigest(),
            layers,
            of_functions(plan, layers, unzipped_bytes(self.artifact)),
        )


def files_from(
    compiled: CompiledFlow,
    content: Content,
    label: Label,
    python_version: str,
    settings: Settings,
) -> dict[str, bytes]:
    """Return the bytes of every file of a bundle, by name, from content that is made already.

    Args:
        compiled: the flow and its state machine.
        content: what else it is made of.
        label: what it is called.
        python_version: of the Lambda runtime, as `3.12`.
        settings: what people decide about the stack.
    """
    spec, packages = compiled.spec.canonical(), content.packages
    code = content.code(compiled.plan)
    machines = machines_of(compiled.plan)
    stack = template(
        compiled.plan,
        machines,
        python_version=python_version,
        code=code,
        settings=settings,
        name=label.name,
    )
    apart = key_parameter(OUTERMOST) in stack["Parameters"]
    uploads = _uploads(packages, machines if apart else [])
    files = {
        "flow.json": (spec.to_json(indent=2) + "\n").encode(),
        **{
            machine.file: _lines(machine, spec.name) if apart else _json(machine.definition)
            for machine in machines
        },
        "artifact.zip": content.artifact,
        **{
            layers.file_name(each): layer.path.read_bytes()
            for each, layer in packages.layers.items()
        },
        **_programs(compiled.plan, label, python_version, has_packages=bool(packages.layers)),
    }
    bundle_hash = _bundle_hash(stack, [files[file] for file in uploads.values()])
    identified = _identified(stack, spec.name, label.environment, bundle_hash)
    files["template.json"] = template_text(identified)
    manifest = {
        **_origin(compiled, label),
        "settings": settings.model_dump(mode="json", exclude_defaults=True),
        "python_version": python_version,
        "code_hash": code.hash,
        "bundle_hash": bundle_hash,
        "uploads": uploads,
        "dependencies": packages.told(),
        "state_machines": {machine.id: machine.file for machine in machines},
        "files": {
            file: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for file, data in files.items()
        },
    }
    return files | {MANIFEST: _json(manifest)}


def _uploads(packages: Packages, machines: list[Machine]) -> dict[str, str]:
    """Return the files that have to lie in S3, by the parameter of the template that says where."""
    return {
        "ArtifactKey": "artifact.zip",
        **{layers.key_parameter(each): layers.file_name(each) for each in packages.layers},
        **{key_parameter(machine.id): machine.file for machine in machines},
    }


def _programs(
    plan: Plan, label: Label, python_version: str, *, has_packages: bool
) -> dict[str, bytes]:
    """Return the files by which people deploy a bundle, or make an image of it, themselves."""
    files = {
        "app.py": render_file("app.py", stack_name=label.stack_name).encode(),
        "cdk.json": render_file("cdk.json").encode(),
    }
    if any(place.executor == ECS for place in plan.places.values()):
        image = default_image(python_version)
        dockerfile = render_file("Dockerfile", image=image, has_packages=has_packages)
        files["Dockerfile"] = dockerfile.encode()
    return files


def _origin(compiled: CompiledFlow, label: Label) -> dict[str, Any]:
    """Return what the manifest says of the flow, and of how it was compiled."""
    return {
        "manifest_version": MANIFEST_VERSION,
        "dagy_version": __version__,
        "flow": compiled.spec.name,
        "flow_version": compiled.spec.version,
        "name": label.name,
        "stack_name": label.stack_name,
        "environment": label.environment,
        "execution_mode": compiled.mode,
        "fuse": compiled.plan.fuse,
        "joins": compiled.plan.joins,
    }


def _bundle_hash(stack: dict[str, Any], uploaded: list[bytes]) -> str:
    """Return the SHA-256, in hex, of all that makes a difference once it is deployed."""
    digest = hashlib.sha256(json.dumps(stack).encode())
    for content in uploaded:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _identified(
    stack: dict[str, Any], flow: str, environment: str | None, bundle_hash: str
) -> dict[str, Any]:
    """Let a stack say whose it is and what it was made of: who deploys next reads it there."""
    told = {
        "FlowName": Output(description="The flow", value=harmless(flow)),
        "BundleHash": Output(description="Hash of what the stack is made of", value=bundle_hash),
    }
    if environment is not None:
        told["Environment"] = Output(description="Its environment", value=environment)
    outputs = {name: each.model_dump(by_alias=True) for name, each in told.items()}
    return stack | {"Outputs": stack["Outputs"] | outputs}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _lines(machine: Machine, flow: str) -> bytes:
    """Return a definition that CloudFormation reads as it is: a state a line, and no other space.

    Raises:
        LimitError: it is larger than Step Functions accepts.
    """
    text = definition_lines(machine.definition) + "\n"
    size = deployed_bytes(text)
    if size > DEFINITION_BYTES:
        raise LimitError(
            f"flow {flow!r}: {machine.file} takes {size:,} bytes, and Step Functions accepts "
            f"{DEFINITION_BYTES:,}; use --execution-mode nano, or split the flow"
        )
    return text.encode()
