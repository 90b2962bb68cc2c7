"""The bundle: the folder that `dagy build` writes, and that everything which deploys a flow reads.

`files_of` makes every file in memory, a pure function of its input; `write_bundle` puts them on
disk in one step; `read_bundle` gives them back, and checks each against the manifest.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy.errors import BundleError, LimitError, SpecError
from dagy.naming import slug
from dagy.packaging.vendor import Layer
from dagy.spec import FlowSpec
from dagy.version import __version__
from dagy_compiler import layers
from dagy_compiler.artifact import FlowSource, artifact, code_hash, unzipped_bytes
from dagy_compiler.cloudformation import Output
from dagy_compiler.compile import CompiledFlow, compile_flow
from dagy_compiler.fargate import default_image
from dagy_compiler.layers import Layers, of_functions
from dagy_compiler.limits import DEFINITION_BYTES
from dagy_compiler.lines import definition_lines
from dagy_compiler.machines import OUTERMOST, Machine, key_parameter, machines_of
from dagy_compiler.modes import ECS
from dagy_compiler.passes.fuse import OFF
from dagy_compiler.passes.limits import deployed_bytes
from dagy_compiler.plan import Plan
from dagy_compiler.settings import Settings, settings_of
from dagy_compiler.template import harmless, template, template_text
from dagy_compiler.templates import render_file
from dagy_compiler.versions import Code

__all__ = [
    "Bundle",
    "FlowSource",
    "code_hash",
    "files_of",
    "read_bundle",
    "rebuild",
    "write_bundle",
]

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


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk.

    Attributes:
        path: its folder.
        manifest: what `manifest.json` holds.
        spec: the flow.
        definition: the state machine, with `${WorkerFunctionArn}`.
        parts: definitions of the machines that are nested in it, by name.
    """

    path: Path
    manifest: dict[str, Any]
    spec: FlowSpec
    definition: dict[str, Any]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def uploads(self) -> dict[str, str]:
        """The files that have to lie in S3, by the parameter of the template that says where."""
        uploads: dict[str, str] = self.manifest["uploads"]
        return uploads

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file, by name."""
        return {name: entry["bytes"] for name, entry in self.manifest["files"].items()}


def write_bundle(
    compiled: CompiledFlow,
    source: FlowSource,
    directory: Path,
    *,
    python_version: str,
    deployment: str | None = None,
    environment: str | None = None,
    settings: Settings | None = None,
    packages: Packages = NO_PACKAGES,
) -> Bundle:
    """Write the bundle of a flow to `directory/<flow>`, replacing an earlier one in one step.

    Args:
        compiled: the flow and its state machine.
        source: the user's code.
        directory: where the bundle's folder goes; made if it is not there.
        python_version: of the Lambda runtime, as `3.12`.
        deployment: what the flow is called where it is deployed, if not by its own name.
        environment: such as `staging`: the same flow beside others of its name.
        settings: what people decide about the stack.
        packages: what the flow declares.

    Raises:
        BundleError: the environment is no name; or the folder cannot be written, or holds something
            that is not a bundle, which is left as it is.
        LimitError: something in it is larger than AWS accepts.
    """
    files = files_of(
        compiled,
        source,
        python_version=python_version,
        deployment=deployment,
        environment=environment,
        settings=settings,
        packages=packages,
    )
    return _written(compiled, files, directory)


def _written(compiled: CompiledFlow, files: dict[str, bytes], directory: Path) -> Bundle:
    manifest = json.loads(files[MANIFEST])
    folder = directory / manifest["name"]
    _check_replaceable(folder, compiled.spec.name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _replace(folder, files)
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written: {error.strerror or error}") from error
    spec = compiled.spec.canonical()
    return Bundle(folder, manifest, spec, compiled.definition(), compiled.parts())


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
    name = slug(deployment or spec.name, fallback="flow")
    label = _Label(
        name if environment is None else f"{name}-{environment}",
        stack_name_of(deployment or spec.name, environment),
        environment,
    )
    content = _Content(zipped, code_hash(spec, source), packages)
    return _files(compiled, content, label, python_version, settings or Settings())


def rebuild(
    bundle: Bundle,
    directory: Path,
    *,
    mode: str | None = None,
    fuse: str | None = None,
    joins: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Bundle:
    """Write a bundle anew to `directory`, from its own flow and code.

    Args:
        bundle: that was written before.
        directory: where the new bundle's folder goes.
        mode: the execution mode; None for the one that it was built with.
        fuse: which task runs share an invocation; None as it was.
        joins: how tasks wait for others; None as it was.
        settings: what people decide about the stack, by name; the others stay as they were.

    Raises:
        CompileError, LimitError: the flow cannot be lowered so.
        SettingsError: a setting is not right.
    """
    manifest = bundle.manifest
    compiled = compile_flow(
        bundle.spec,
        mode=mode or manifest["execution_mode"],
        fuse=fuse or (None if manifest["fuse"] == OFF else manifest["fuse"]),
        joins=joins or manifest["joins"],
    )
    zipped = _read(bundle.path / "artifact.zip")
    files = _files(
        compiled,
        _Content(zipped, manifest["code_hash"], _packages_of(bundle)),
        _Label(manifest["name"], manifest["stack_name"], manifest["environment"]),
        manifest["python_version"],
        settings_of({**manifest["settings"], **(settings or {})}),
    )
    return _written(compiled, files, directory)


@dataclass(frozen=True)
class _Label:
    """What a bundle is called: its folder, its stack, and the environment if it has one."""

    name: str
    stack_name: str
    environment: str | None


def _packages_of(bundle: Bundle) -> Packages:
    """Return the packages that a bundle holds."""
    told = bundle.manifest["dependencies"]
    found = {}
    for architecture, packages in told["packages"].items():
        file = layers.file_name(architecture)
        found[architecture] = Layer(
            architecture,
            bundle.path / file,
            bundle.manifest["files"][file]["sha256"],
            {name: each["bytes"] for name, each in packages.items()},
            {name: each["version"] for name, each in packages.items()},
        )
    return Packages(told["origin"], told["requirements"], found)


@dataclass(frozen=True)
class _Content:
    """What a bundle is made of besides the flow: artifact.zip, the hash of its code, packages."""

    artifact: bytes
    code_hash: str
    packages: Packages

    def code(self, plan: Plan) -> Code:
        layers = self.packages.layers
        return Code(
            self.code_hash,
            hashlib.sha256(self.artifact).hexdigest(),
            layers,
            of_functions(plan, layers, unzipped_bytes(self.artifact)),
        )


def _files(
    compiled: CompiledFlow,
    content: _Content,
    label: _Label,
    python_version: str,
    settings: Settings,
) -> dict[str, bytes]:
    spec = compiled.spec.canonical()
    packages = content.packages
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
    uploads = {"ArtifactKey": "artifact.zip"}
    uploads |= {layers.key_parameter(each): layers.file_name(each) for each in packages.layers}
    if apart:
        uploads |= {key_parameter(machine.id): machine.file for machine in machines}
    files = {
        "flow.json": (spec.to_json(indent=2) + "\n").encode(),
        **{
            machine.file: _lines(machine, spec.name) if apart else _json(machine.definition)
            for machine in machines
        },
        "artifact.zip": content.artifact,
        **{
            layers.file_name(architecture): layer.path.read_bytes()
            for architecture, layer in packages.layers.items()
        },
        "app.py": render_file("app.py", stack_name=label.stack_name).encode(),
        "cdk.json": render_file("cdk.json").encode(),
    }
    if any(place.executor == ECS for place in compiled.plan.places.values()):
        image = default_image(python_version)
        files["Dockerfile"] = render_file(
            "Dockerfile", image=image, has_packages=bool(packages.layers)
        ).encode()
    bundle_hash = _bundle_hash(stack, [files[file] for file in uploads.values()])
    files["template.json"] = template_text(
        _identified(stack, spec.name, label.environment, bundle_hash)
    )
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "dagy_version": __version__,
        "flow": spec.name,
        "flow_version": spec.version,
        "name": label.name,
        "stack_name": label.stack_name,
        "environment": label.environment,
        "execution_mode": compiled.mode,
        "fuse": compiled.plan.fuse,
        "joins": compiled.plan.joins,
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


def read_bundle(path: Path) -> Bundle:
    """Read a bundle, and check every file of it against the manifest.

    Raises:
        BundleError: it is not a bundle, or a file of it is missing, damaged or of another version.
    """
    manifest = _read_manifest(path)
    for name, entry in manifest["files"].items():
        if hashlib.sha256(_read(path / name)).hexdigest() != entry["sha256"]:
            raise BundleError(
                f"{path / name}: has changed since the bundle was built; build it again"
            )
    try:
        spec = FlowSpec.from_json(_read(path / "flow.json"))
        definition = json.loads(_read(path / "state_machine.asl.json"))
        parts = {
            file.removeprefix("state_machine.").removesuffix(".asl.json"): json.loads(
                _read(path / file)
            )
            for file in manifest["files"]
            if file.endswith(".asl.json") and file != "state_machine.asl.json"
        }
    except (SpecError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read: {error}; build it again") from error
    return Bundle(path, manifest, spec, definition, parts)


def _read_manifest(path: Path) -> dict[str, Any]:
    if not (path / MANIFEST).is_file():
        raise BundleError(f"{path}: is not a bundle: it has no {MANIFEST}; `dagy build` makes one")
    try:
        manifest = json.loads(_read(path / MANIFEST))
        version = manifest["manifest_version"]
        hashes = [entry["sha256"] for entry in manifest["files"].values()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path / MANIFEST}: is damaged; build the bundle again") from error
    if version != MANIFEST_VERSION or not hashes:
        raise BundleError(
            f"{path / MANIFEST}: is of version {version}, and this version of Dagy reads "
            f"{MANIFEST_VERSION}; build the bundle again"
        )
    checked: dict[str, Any] = manifest
    return checked


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BundleError(f"{file}: {error.strerror}; build the bundle again") from error


def _check_replaceable(folder: Path, flow_name: str) -> None:
    """Refuse to replace what is not a bundle of this flow: it is somebody's, and would be lost."""
    try:
        # All names at one look: who builds at the same time may rename the folder after it.
        names = {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        names = {folder.name} if folder.exists() else set()
    if names and MANIFEST not in names:
        raise BundleError(
            f"{folder}: is there already and is not a bundle; move it away, or build "
            "elsewhere with -o"
        )
    try:
        there = json.loads((folder / MANIFEST).read_bytes())["flow"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a damaged bundle is replaced by a good one
    if there != flow_name:
        raise BundleError(
            f"{folder}: holds the bundle of another flow, {there!r}, whose name makes the same "
            "folder; build elsewhere with -o, or rename one of them"
        )


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    """Put the files in the folder's place, so that no reader ever sees half of them.

    They are written beside it and renamed into place. A folder cannot be renamed over another that
    holds something, so the old one is renamed away first; whoever builds at the same time may come
    between the two steps, and then the steps are made again.
    """
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        new = Path(beside) / "new"
        new.mkdir()
        for name, data in files.items():
            (new / name).write_bytes(data)
        for attempt in range(_ATTEMPTS):
            old = Path(beside) / f"old-{attempt}"
            try:
                if folder.exists():
                    folder.rename(old)
                new.rename(folder)
            except OSError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


_ATTEMPTS = 20


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


def stack_name_of(flow_name: str, environment: str | None = None) -> str:
    """Return the name of a flow's stack.

    A stack's name takes 128 ASCII letters, digits and hyphens (CloudFormation user guide). No two
    flows of an environment share one: only underscores become hyphens for nothing, and a name that
    has other characters, hyphens among them, is told apart by its hash.

    Raises:
        BundleError: the environment is no name.

    Examples:
        >>> stack_name_of("daily_etl", "staging")
        'dagy-daily-etl-staging'
    """
    legal = "".join(char if char.isascii() and char.isalnum() else "-" for char in flow_name)[:100]
    if legal != flow_name.replace("_", "-") or "-" in flow_name:
        legal = f"{legal.strip('-')}-{hashlib.sha256(flow_name.encode()).hexdigest()[:6]}"
    name = f"dagy-{legal.lstrip('-')}"
    if environment is None:
        return name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}", environment):
        raise BundleError(
            f"environment {environment!r}: is to be at most 16 letters, digits and hyphens, and to "
            "begin with none of the last"
        )
    return f"{name}-{environment}"
