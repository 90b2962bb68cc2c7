"""Resuming on AWS: a new execution of what is deployed now, that begins with earlier results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dagy.aws.deployed import DeployedFlow
from dagy.aws.earlier import EarlierRun, files_of
from dagy.aws.executions import Execution
from dagy.aws.refusals import code_of, explained
from dagy.aws.start import INPUT_BYTES, check_parameters, new_run_id, start_execution
from dagy.errors import ResumeError
from dagy.worker.claims import Handed
from dagy.worker.seed import RESUMED, SEED, SEED_KEY

INLINE_BYTES = 4_000
"""Of a result, at most, that stands in the seed itself; a larger one is stored beside it."""

_AT_ONCE = 16


@dataclass(frozen=True)
class Resumed:
    """A run that goes on from another.

    Attributes:
        execution: of the new run.
        earlier: the id of the other.
        reused: the task runs whose results it begins with, in the flow's order.
        again: those that it runs.
    """

    execution: Execution
    earlier: str
    reused: tuple[str, ...]
    again: tuple[str, ...]


def resume_on_aws(
    flow: DeployedFlow, earlier: EarlierRun, given: Mapping[str, Any], *, force: bool
) -> Resumed:
    """Start a run that begins with the results of an earlier one, as far as they can be used.

    Tasks without a worker run again: nobody but Step Functions makes them, and it takes no results.

    Args:
        flow: as it is deployed now.
        earlier: the run to go on from.
        given: parameters; the others are those of that run.
        force: go on although code, graph or parameters have changed.

    Raises:
        AwsError: AWS refuses.
        ParameterError: the parameters do not fit the flow.
        ResumeError: something has changed; the message lists all of it.
    """
    if earlier.spec.name != flow.spec.name:
        raise ResumeError(
            f"run {earlier.run_id} is of flow {earlier.spec.name!r}, not {flow.spec.name!r}"
        )
    spec = flow.spec
    known = {entry["name"] for entry in spec.parameters}
    parameters = {k: v for k, v in earlier.parameters.items() if k in known} | dict(given)
    bound = check_parameters(spec, parameters)
    results = earlier.results(spec, bound, force=force, services=False)
    if flow.bucket is None:
        results = _fitting(results, parameters)
        seed = {"from": earlier.run_id, "results": results}
        sent = {**parameters, SEED_KEY: seed} if results else parameters
        execution = start_execution(flow, new_run_id(), sent)
    else:
        run_id = new_run_id() + RESUMED
        _Upload(flow, flow.bucket, run_id).seed(earlier, results)
        execution = start_execution(flow, run_id, parameters)
    reused = tuple(run.id for run in spec.task_runs if _is_whole(run.id, results))
    partly = tuple(name for name in results if name.partition("[")[0] not in reused)
    again = tuple(run.id for run in spec.task_runs if run.id not in reused)
    return Resumed(execution, earlier.run_id, reused + partly, again)


def _is_whole(name: str, results: Mapping[str, str]) -> bool:
    return name in results


def _fitting(results: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return as many results as an execution's input takes, the small ones first; no files."""
    left = INPUT_BYTES - len(json.dumps(parameters)) - 1_000
    found = {}
    for name, text in sorted(results.items(), key=lambda item: len(item[1])):
        left -= len(json.dumps({name: text}))
        if left < 0:
            break
        if '{"$artifact":' not in text:
            found[name] = text
    return found


class _Upload:
    """Puts the seed of a run into the bucket, before the run begins."""

    def __init__(self, flow: DeployedFlow, bucket: str, run_id: str) -> None:
        self._bucket = bucket
        self._prefix = flow.data_prefix
        self._run = run_id
        self._s3 = flow.target.client("s3")

    def seed(self, earlier: EarlierRun, results: Mapping[str, str]) -> None:
        """Put it there, with the values that are too large for it, and the artifacts in them."""
        with (
            explained(f"keeping the results of run {earlier.run_id} for run {self._run}"),
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            handed = dict(zip(results, pool.map(self._hand, results.values()), strict=True))
            files = files_of(results.values())
            for done in pool.map(lambda name: self._file(earlier, name), files):
                assert done is None
            seed = {"from": earlier.run_id, "results": handed}
            self._put(SEED, json.dumps(seed).encode())

    def _hand(self, text: str) -> Handed:
        if len(text) <= INLINE_BYTES:
            return text
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._put(key, text.encode())
        return {"claim": f"{self._run}/{key}"}

    def _file(self, earlier: EarlierRun, name: str) -> None:
        self._put(f"artifacts/{name}", earlier.artifact(name))

    def _put(self, key: str, content: bytes) -> None:
        key = f"{self._prefix}{self._run}/{key}"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)


def _is_one_call(definition: Mapping[str, Any]) -> bool:
    """Tell whether a worker runs the whole flow; further states make and prepare its attempts."""
    first = definition["States"][definition["StartAt"]]
    return "The whole flow" in first.get("Comment", "")


def redrive(execution: Execution) -> str:
    """Let Step Functions go on with an execution that failed; return what to know of that.

    It goes on with the definition and the code that it began with, from the states that failed.

    Raises:
        AwsError: AWS refuses.
        ResumeError: it cannot be redriven, or that would be of no use; says why.
    """
    flow = execution.flow
    if execution.status not in {"FAILED", "CANCELLED"}:
        raise ResumeError(
            f"run {execution.run_id} is {execution.status.lower()}; only one that has failed or "
            "was stopped can be redriven"
        )
    mode = flow.stack.outputs.get("ExecutionMode", "")
    if mode != "micro" and _is_one_call(execution.definition()[0]):
        raise ResumeError(
            f"run {execution.run_id}: the whole flow is one state in mode {mode}, so a redrive "
            f"would run all of it again; `dagy runs resume {execution.run_id} --remote` keeps what "
            "it can"
        )
    client = flow.target.client("stepfunctions")
    with explained(f"redriving run {execution.run_id}"):
        try:
            client.redrive_execution(executionArn=execution.arn)
        except Exception as error:
            if code_of(error) != "ExecutionNotRedrivable":
                raise
            raise ResumeError(
                f"run {execution.run_id} cannot be redriven: {execution.redrivable or error}; "
                f"`dagy runs resume {execution.run_id} --remote` starts a new one with its results"
            ) from error
    return "it goes on with the code that it began with; what was deployed since is not used"
