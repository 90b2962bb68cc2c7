"""The bundle: the folder that `dagy build` writes, and that everything which deploys a flow reads.

`write_bundle` puts the files that `bundle_files` makes on disk, in one step; `read_bundle` gives
them back, and checks each against the manifest; `rebuild` makes another of one that is there.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy.errors import BundleError, SpecError
from dagy.packaging.vendor import Layer
from dagy.spec import FlowSpec
from dagy_compiler import layers
from dagy_compiler.artifact import FlowSource
from dagy_compiler.bundle_files import (
    MANIFEST,
    MANIFEST_VERSION,
    NO_PACKAGES,
    Content,
    Packages,
    files_from,
    files_of,
)
from dagy_compiler.compile import CompiledFlow, compile_flow
from dagy_compiler.label import Label
from dagy_compiler.passes.fuse import OFF
from dagy_compiler.settings import Settings, settings_of

__all__ = ["Bundle", "FlowSource", "read_bundle", "rebuild", "write_bundle"]


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
    files = files_from(
        compiled,
        Content(zipped, manifest["code_hash"], _packages_of(bundle)),
        Label(manifest["name"], manifest["stack_name"], manifest["environment"]),
        manifest["python_version"],
        settings_of({**manifest["settings"], **(settings or {})}),
    )
    return _written(compiled, files, directory)


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
