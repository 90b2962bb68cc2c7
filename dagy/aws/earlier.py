"""An earlier run, here or on AWS, as far as another one can go on from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy.aws.deployed import DeployedFlow
from dagy.aws.evidence import Evidence
from dagy.aws.refusals import explained
from dagy.aws.remote_run import remote_run
from dagy.errors import RemoteError, ResumeError
from dagy.history import Home, RecordedRun
from dagy.interpreter.frontier import needed
from dagy.mapping import known_length
from dagy.masking import MASK
from dagy.parameters import bind
from dagy.resume import Recorded, recorded_of, reusable
from dagy.spec import (
    Direct,
    FlowSpec,
    ParameterReference,
    TaskReference,
    TaskRunSpec,
    follow,
    references_in,
    resolve,
)
from dagy.values.marks import parsed, spelled
from dagy.worker.claims import Handed
from dagy.worker.seed import SEED_KEY

_AT_ONCE = 16
"""Values that are fetched at once."""


@dataclass
class EarlierRun:
    """A run that is over.

    Attributes:
        run_id: its id.
        spec: the flow that it ran.
        parameters: a value for each parameter, but for secrets whose place is not known.
        succeeded: the task runs that did, items of maps too.
        text: gives the output of one of them as JSON text; None if nobody has kept it.
        artifact: gives the content of an artifact by its name.
        not_taken: the task runs on a side of a branch that was not taken.
    """

    run_id: str
    spec: FlowSpec
    parameters: dict[str, Any]
    succeeded: frozenset[str]
    text: Callable[[str], str | None]
    artifact: Callable[[str], bytes]
    not_taken: frozenset[str] = frozenset()
    _texts: dict[str, str | None] = field(default_factory=dict)

    def results(
        self, spec: FlowSpec, given: Mapping[str, Any], *, force: bool, services: bool
    ) -> dict[str, str]:
        """Return the results that a new run of a flow can begin with, as JSON text.

        Where only items of a map can be used, they are there; where all of it can, its items too.

        Args:
            spec: the flow as it is where the new run is to be.
            given: its parameters.
            force: go on although code or graph have changed.
            services: whether tasks without a worker can begin with a result there.

        Raises:
            ResumeError: something has changed; the message lists all of it.
        """
        usable = {name for name in self.succeeded if services or not _is_service(self.spec, name)}
        hidden = {entry["name"] for entry in spec.parameters if entry.get("secret")}
        compared = {name: value for name, value in given.items() if name not in hidden}
        known = {name: value for name, value in self.parameters.items() if name not in hidden}
        while True:
            recorded = Recorded(
                self.run_id, self.spec, known, dict.fromkeys(usable, ""), self.not_taken
            )
            found = set(reusable(recorded, spec, compared, force=force))
            texts = self._fetch(found)
            # A value that nobody has kept is no loss as long as nobody is to read it.
            lost = {name for name in found if texts[name] is None} & _read(spec, found)
            if not lost:
                return _with_items(spec, {name: text or "null" for name, text in texts.items()})
            usable -= lost

    def _fetch(self, names: Iterable[str]) -> dict[str, str | None]:
        missing = [name for name in names if name not in self._texts]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._texts.update(zip(missing, pool.map(self.text, missing), strict=True))
        return {name: self._texts[name] for name in names}


def _is_service(spec: FlowSpec, name: str) -> bool:
    whole = name.partition("[")[0]
    return any(
        run.id == whole and spec.tasks[run.task_name].service is not None for run in spec.task_runs
    )


def _read(spec: FlowSpec, found: set[str]) -> set[str]:
    """Return the task runs that are read by one that has to run, or by the flow's return value."""
    readers = [[run.arguments, run.when] for run in spec.task_runs if run.id not in found]
    return {
        reference.task_run_id
        for reference in references_in([*readers, spec.outputs])
        if isinstance(reference, TaskReference)
    }


def _with_items(spec: FlowSpec, texts: dict[str, str]) -> dict[str, str]:
    """Return results in which whole maps are there item by item, as their workers are asked."""
    found = dict(texts)
    for run in spec.task_runs:
        if run.map_over is not None and run.id in texts:
            items = parsed(texts[run.id])
            if isinstance(items, list):
                found |= {f"{run.id}[{index}]": spelled(item) for index, item in enumerate(items)}
    return found


def earlier_here(home: Home, run: RecordedRun) -> EarlierRun:
    """Return a run of the local history.

    Raises:
        ResumeError: it goes on, or its graph is not known.
    """
    recorded = recorded_of(run, run.results)
    folder = home.artifacts(run.run_id)
    return EarlierRun(
        run.run_id,
        recorded.spec,
        dict(recorded.parameters),
        frozenset(recorded.outputs),
        recorded.outputs.get,
        lambda name: (folder / name).read_bytes(),
        recorded.not_taken,
    )


def earlier_there(evidence: Evidence) -> EarlierRun:
    """Return a run on AWS.

    Raises:
        ResumeError: it goes on.
    """
    execution, spec = evidence.execution, evidence.spec
    if not execution.has_ended:
        raise ResumeError(
            f"run {execution.run_id} goes on; it can be resumed once it has ended, or after "
            f"`dagy runs cancel {execution.run_id} --remote`"
        )
    sent = {k: v for k, v in json.loads(execution.given).items() if k != SEED_KEY}
    data = _Data(execution.flow, execution.run_id)
    run = remote_run(evidence)
    succeeded = {each.task_run_id for each in run.task_runs if each.state == "SUCCEEDED"}
    failed = {each.task_run_id for each in run.task_runs if each.state == "FAILED"}
    outputs = dict(evidence.outputs)
    for whole in spec.task_runs:
        if whole.map_over is None or whole.id not in succeeded or whole.id in outputs:
            continue
        items = [name for name in outputs if name.startswith(f"{whole.id}[")]
        count = evidence.counts.get(whole.id, known_length(whole))
        names = [f"{whole.id}[{at}]" for at in range(len(items) if count is None else count)]
        # The map has succeeded: that an item failed was tolerated.
        if failed.union(outputs).issuperset(names):
            outputs[whole.id] = [outputs.get(name, "null") for name in names]

    def text(name: str) -> str | None:
        return data.text(outputs[name]) if name in outputs else None

    earlier = EarlierRun(
        execution.run_id,
        spec,
        bind(spec.name, spec.parameters, sent),
        frozenset(name for name in succeeded if MASK not in json.dumps(outputs.get(name))),
        text,
        data.artifact,
    )
    earlier.not_taken = _not_taken(spec, earlier.parameters, text)
    return earlier


class _Data:
    """What a run has stored."""

    def __init__(self, flow: DeployedFlow, run_id: str) -> None:
        self._flow = flow
        self._run = run_id
        self._s3 = flow.target.client("s3")

    def text(self, handed: Handed) -> str | None:
        """Return the text that something handed on stands for."""
        match handed:
            case str():
                return handed
            case {"claim": str(key)}:
                return self._get(key).decode()
            case list():
                texts = [self.text(each) for each in handed]
                return None if None in texts else f"[{','.join(map(str, texts))}]"
        return None

    def artifact(self, name: str) -> bytes:
        """Return the content of an artifact."""
        return self._get(f"{self._run}/artifacts/{name}")

    def _get(self, key: str) -> bytes:
        bucket = self._flow.bucket
        if bucket is None:
            raise RemoteError(f"flow {self._flow.name!r} has no bucket, and {key} was in one")
        key = f"{self._flow.data_prefix}{key}"
        with explained(f"reading s3://{bucket}/{key}"):
            content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


def _not_taken(
    spec: FlowSpec, parameters: Mapping[str, Any], text: Callable[[str], str | None]
) -> frozenset[str]:
    """Return the task runs that were on a side not taken, by what decided the branches."""

    def lookup(reference: Direct) -> Any:
        if isinstance(reference, ParameterReference):
            return follow(parameters[reference.name], reference.path)
        known = text(reference.task_run_id)
        if known is None:
            raise LookupError(reference.task_run_id)
        return follow(json.loads(known), reference.path)

    found: set[str] = set()
    for run in spec.task_runs:
        if not found.isdisjoint(needed(run)) or not _is_taken(run, lookup):
            found.add(run.id)
    return frozenset(found)


def _is_taken(run: TaskRunSpec, lookup: Callable[[Direct], Any]) -> bool:
    try:
        return all(bool(resolve(condition, lookup)) is side for condition, side in run.when)
    except LookupError:
        return True  # what decides is not there: the run never came so far


def files_of(texts: Iterable[str]) -> set[str]:
    """Return the names of the artifacts that some texts refer to."""
    from dagy.values.artifacts import names_in

    return {name for text in texts for name in names_in(text)}


def fetch_files(earlier: EarlierRun, names: Iterable[str], folder: Path) -> None:
    """Put artifacts of an earlier run into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(earlier.artifact(name))
