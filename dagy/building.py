"""From a flow in a file to its bundle: what `dagy build`, `dagy deploy` and `Flow.deploy` share."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagy.errors import BundleError, DefinitionError, HistoryError
from dagy.flow import Flow, TracedFlow
from dagy.interpreter.body import arguments_of
from dagy.loader import LoadedFlow, check_importable, loaded_flow
from dagy.naming import slug
from dagy.options import EXECUTORS, nearest
from dagy.packaging.cache import cache_folder, keep
from dagy.packaging.project import project_of
from dagy.packaging.requirements import Declared, declared_by
from dagy.packaging.sources import LeftOut, sources_of
from dagy.packaging.vendor import Target, layer
from dagy.resources import is_count
from dagy.spec import FlowSpec
from dagy.version import python_minor

if TYPE_CHECKING:
    from dagy.schedules import Schedule
    from dagy_compiler import CompiledFlow
    from dagy_compiler.artifact import FlowSource
    from dagy_compiler.bundle import Bundle
    from dagy_compiler.bundle_files import Packages


@dataclass(frozen=True)
class BuildOptions:
    """How a flow is built.

    Attributes:
        mode: the execution mode.
        fuse: which task runs of mode micro share an invocation; None for "off".
        joins: how tasks wait for others: "tree", or "auto" for across branches too; None for
            "tree".
        default_executor: of tasks that name none; None leaves it to the mode.
        default_memory_mb: of tasks that ask for none; None leaves it to the mode.
        version: label of the version.
        bound: parameters to bind, by name.
        from_history: arrange the machine by how long the tasks took here.
        deployment: what the flow is called where it is deployed, if not by its own name.
        environment: such as `staging`: the same flow beside others of its name.
        settings: of the stack, by name; they go before those of `dagy.toml` and `pyproject.toml`.
        include: patterns of files to ship beside the modules that are imported.
        exclude: patterns of files not to ship.
        dependencies: whether to ship the packages that the flow declares.
        refresh: resolve them anew, though the same were resolved before.
        told: is told what takes time.
    """

    mode: str = "nano"
    fuse: str | None = None
    joins: str | None = None
    default_executor: str | None = None
    default_memory_mb: int | None = None
    version: str = "1"
    bound: Mapping[str, Any] = field(default_factory=dict)
    from_history: bool = False
    deployment: str | None = None
    environment: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    dependencies: bool = True
    refresh: bool = False
    told: Callable[[str], None] = field(default=lambda _: None, compare=False)


@dataclass(frozen=True)
class Built:
    """A bundle, and how it came to be.

    Attributes:
        bundle: on disk.
        compiled: the flow and its state machine.
        measured: seconds that task runs took here, by id, if the machine is arranged by them.
        source: the files of the user's that it was made of.
        left_out: what was asked for or named, and was not packed.
        schedule: when the flow is to start by itself, if it is.
    """

    bundle: Bundle
    compiled: CompiledFlow
    measured: Mapping[str, float] | None
    source: FlowSource
    left_out: tuple[LeftOut, ...]
    schedule: Schedule | None = None

    @property
    def packed(self) -> dict[str, int]:
        """Bytes of each file of the user's in artifact.zip, by name."""
        return {name: file.stat().st_size for name, file in self.source.names().items()}


def build(loaded: LoadedFlow, options: BuildOptions, directory: Path) -> Built:
    """Build a flow.

    Args:
        loaded: the flow and its files.
        options: how.
        directory: where the bundle's folder goes.

    Raises:
        DagyError: the flow cannot be traced, compiled or packaged; says why.
    """
    from dagy_compiler import compile_flow
    from dagy_compiler.bundle import write_bundle
    from dagy_compiler.settings_files import find_settings

    settings = find_settings(loaded.file, options.settings)
    traced = loaded.flow.trace(options.bound, version=options.version)
    check_importable(loaded.flow, traced)
    for warning in _differences(traced):
        warnings.warn(warning, stacklevel=2)
    spec = _with_defaults(traced.spec, options)
    measured = measured_durations(spec) if options.from_history else None
    compiled = compile_flow(
        spec, mode=options.mode, fuse=options.fuse, joins=options.joins, measured=measured
    )
    source, left_out = source_of(loaded, options)
    python_version = python_minor()
    packages, without = _packages(loaded, traced, compiled, options, python_version)
    bundle = write_bundle(
        compiled,
        source,
        directory,
        python_version=python_version,
        deployment=options.deployment,
        environment=options.environment,
        settings=settings,
        packages=packages,
    )
    left = (*left_out, *without)
    return Built(bundle, compiled, measured, source, left, settings.when)


def package(flow: Flow[..., Any]) -> tuple[Path, str]:
    """Write the artifact of a flow into the cache; return its path and the hash of its code.

    Raises: as `dagy.build_artifact`.
    """
    from dagy_compiler.artifact import artifact, code_hash

    loaded = loaded_flow(flow)
    traced = loaded.flow.trace({})
    check_importable(loaded.flow, traced)
    source, _ = source_of(loaded, BuildOptions())
    declared = _declared(loaded, traced)
    packages = _for_one_processor(traced, declared) if declared.requirements else {}
    data = artifact(traced.spec, source, declared.requirements, packages)
    content = hashlib.sha256(data).hexdigest()[:12]
    name = f"{slug(flow.name, fallback='flow')}-{content}.zip"
    path = cache_folder() / "artifacts" / name
    keep(path, data)
    return path, code_hash(traced.spec, source)


def _for_one_processor(traced: TracedFlow, declared: Declared) -> dict[str, bytes]:
    """Return the packages of a flow as they go into one archive."""
    from dagy_compiler.placement import X86_64

    wanted = sorted({task.architecture or X86_64 for task in traced.spec.tasks.values()})
    if len(wanted) > 1:
        raise BundleError(
            f"flow {traced.spec.name!r}: its tasks run on {' and '.join(wanted)}, and an archive "
            "has packages for one; `dagy build` makes a layer for each"
        )
    target = Target(wanted[0] if wanted else X86_64, python_minor())
    return layer(declared, target, told=lambda _: None).contents()


def source_of(loaded: LoadedFlow, options: BuildOptions) -> tuple[FlowSource, tuple[LeftOut, ...]]:
    """Return the files of a flow, and what is not among them.

    Raises:
        LoadError: a pattern of the options matches nothing, or leads out of the flow's root.
    """
    from dagy_compiler.artifact import FlowSource

    found = sources_of(loaded.file, loaded.root, include=options.include, exclude=options.exclude)
    return FlowSource(loaded.root, found.files, found.roots[1:]), found.left_out


def _packages(
    loaded: LoadedFlow,
    traced: TracedFlow,
    compiled: CompiledFlow,
    options: BuildOptions,
    python_version: str,
) -> tuple[Packages, tuple[LeftOut, ...]]:
    """Return the packages that go with a flow, and what it declares that does not."""
    from dagy_compiler.bundle_files import NO_PACKAGES, Packages
    from dagy_compiler.layers import architectures

    taking_pydantic = _taking_pydantic(traced)
    if not options.dependencies:
        if taking_pydantic:
            warnings.warn(
                f"the annotations of {', '.join(taking_pydantic)} take pydantic, and --no-deps "
                "ships no package; it has to be in a layer or an image of yours",
                stacklevel=3,
            )
        return NO_PACKAGES, ()
    declared = _declared(loaded, traced)
    wanted = architectures(compiled.plan) if declared.requirements else []
    layers = {
        architecture: layer(
            declared,
            Target(architecture, python_version),
            fresh=options.refresh,
            told=options.told,
        )
        for architecture in wanted
    }
    return Packages(declared.origin, declared.requirements, layers), declared.left_out


def _declared(loaded: LoadedFlow, traced: TracedFlow) -> Declared:
    """Return the packages that a flow declares, and what its annotations take."""
    declared = declared_by(loaded.file, project_of(loaded.file, loaded.root))
    return declared.also(PYDANTIC) if _taking_pydantic(traced) else declared


def measured_durations(spec: FlowSpec) -> dict[str, float]:
    """Return the seconds that a flow's task runs took here, by id.

    Raises:
        HistoryError: nothing that succeeded is recorded of them, or the history cannot be read.
    """
    from dagy.history import Home, task_durations

    home = Home.find()
    known = {run.id for run in spec.task_runs}
    recorded = task_durations(home, spec.name).items()
    durations = {task_run_id: seconds for task_run_id, seconds in recorded if task_run_id in known}
    if not durations:
        raise HistoryError(
            f"--profile-from-history: no task run of the flow {spec.name} that succeeded is "
            f"recorded in {home.root}; run it with `dagy run`, or leave out the option"
        )
    return durations


def _with_defaults(spec: FlowSpec, options: BuildOptions) -> FlowSpec:
    """Give an executor, and memory, to the tasks that name none."""
    executor, memory_mb = options.default_executor, options.default_memory_mb
    if executor is not None and executor not in EXECUTORS:
        raise DefinitionError(
            f"there is no executor {executor!r}{nearest(executor, EXECUTORS)}; "
            f"the executors are {', '.join(EXECUTORS)}"
        )
    if memory_mb is not None and not is_count(memory_mb):
        raise DefinitionError(f"memory is a whole number of megabytes above 0, not {memory_mb!r}")
    if executor is None and memory_mb is None:
        return spec
    tasks = {
        name: task
        if task.service is not None
        else replace(
            task,
            default_executor=task.default_executor or executor,
            memory_mb=task.memory_mb or memory_mb,
        )
        for name, task in spec.tasks.items()
    }
    return replace(spec, tasks=tasks)


def _differences(traced: TracedFlow) -> Iterator[str]:
    """Yield what will be different on AWS, or has to be seen to there."""
    tasks = traced.spec.tasks
    cached = [name for name, task in tasks.items() if task.cache is not None]
    if cached:
        yield (
            f"nothing is cached on AWS in this version of Dagy; there {', '.join(cached)} will run "
            "each time"
        )


def _taking_pydantic(traced: TracedFlow) -> list[str]:
    """Return the tasks with annotations that only pydantic can check."""
    return [
        name
        for name, task in traced.tasks.items()
        if arguments_of(traced.spec.tasks[name], task.fn).needs_pydantic
    ]


PYDANTIC = "pydantic>=2.10"
"""What annotations take that only pydantic can check; it goes along though nobody declares it."""
