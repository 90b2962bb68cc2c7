"""What a worker writes to its log of the task runs it makes: a line of JSON for each transition.

    {"dagy": {"run": "3f2a...", "at": 1769871600.25, "task_run": "load", "state": "FAILED",
              "attempt": 1, "error": {"type": ..., "message": ..., "traceback": ...},
              "arguments": {"rows": 10512}, "code": "8a0e..."}}

`run` is the execution, `arguments` are sizes in bytes, and `code` is the hash of the task's code;
both come with a failure. Values are never written. `dagy.aws` reads these lines back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from dagy.interpreter import TaskRun, Transition
from dagy.mapping import item_of, keyed
from dagy.spec import Direct, FlowSpec, ParameterReference, TaskRunSpec, follow, resolve
from dagy.state import StateType
from dagy.worker.failures import MESSAGE_CHARACTERS

if TYPE_CHECKING:
    from pathlib import Path

TRACEBACK_CHARACTERS = 16_000
"""Of a failure, the last ones; a line of a log holds 256 KB (CloudWatch Logs quotas)."""


class RecordSink:
    """Writes records of the transitions of task runs.

    Args:
        stream: the function's log.
        run: the execution, if it is known.
        sizes: of the arguments of task runs.
        whole: whether the flow's own transitions are told too, because all of it is run here.
    """

    def __init__(self, stream: TextIO, run: str | None, sizes: Sizes, *, whole: bool) -> None:
        self._stream = stream
        self._run = run
        self._sizes = sizes
        self._whole = whole

    def emit(self, transition: Transition) -> None:
        """Write one transition; outputs stay out of the log."""
        name = transition.task_run_id
        if name is None and not self._whole:
            return
        record: dict[str, Any] = {} if self._run is None else {"run": self._run}
        record |= {"at": round(transition.at, 6), "task_run": name, "state": transition.state}
        if transition.attempt:
            record["attempt"] = transition.attempt
        if transition.message:
            record["message"] = transition.message
        if transition.output is not None and name is not None:
            self._sizes.note(name, transition.output)
        if transition.error is not None:
            error = transition.error
            record["error"] = {
                "type": error.type,
                "message": error.message[:MESSAGE_CHARACTERS],
                "traceback": error.traceback[-TRACEBACK_CHARACTERS:],
            }
            if name is not None:
                record |= self._sizes.circumstances(name)
        print(json.dumps({"dagy": record}), file=self._stream, flush=True)

    def retried(self, run: TaskRun, at: float) -> None:
        """Write that somebody else makes the next attempt of a task run that has failed."""
        message = (
            f"attempt {run.attempt} of {run.policy.retries + 1} failed; retry in {run.retry_in:g} s"
        )
        self.emit(Transition(at, run.id, StateType.PENDING, run.attempt, message))


class Sizes:
    """How large the arguments of task runs are, asked only of those that fail.

    Args:
        spec: the flow.
        parameters: a value for each parameter.
        results: outputs as JSON text, by task run id.
        names: gives the names of the parameters of a task's function, by the task's name.
        artifact: gives the file of an artifact, by its name.
    """

    def __init__(
        self,
        spec: FlowSpec,
        parameters: Mapping[str, Any],
        results: Mapping[str, str],
        names: Callable[[str], list[str]],
        artifact: Callable[[str], Path],
    ) -> None:
        self._spec = spec
        self._parameters = parameters
        self._results = dict(results)
        self._names = names
        self._artifact = artifact

    def note(self, task_run_id: str, output: str) -> None:
        """Take note of an output."""
        self._results[task_run_id] = output

    def circumstances(self, task_run_id: str) -> dict[str, Any]:
        """Return `arguments` and `code` of a task run, as far as they are known."""
        found: dict[str, Any] = {}
        # What is told of a failure must not become another one.
        with suppress(Exception):
            run = self._run(task_run_id)
            found["code"] = self._spec.tasks[run.task_name].code_hash
            found["arguments"] = self._of(run)
        return found

    def _run(self, task_run_id: str) -> TaskRunSpec:
        whole, bracket, index = task_run_id.partition("[")
        [run] = [run for run in self._spec.task_runs if run.id in {task_run_id, whole}]
        return item_of(run, int(index[:-1])) if bracket and run.id == whole else run

    def _of(self, run: TaskRunSpec) -> dict[str, int]:
        given = keyed(run.args, run.kwargs)
        names = self._names(run.task_name)
        return {
            names[key] if isinstance(key, int) and key < len(names) else str(key): self._size(value)
            for key, value in given.items()
        }

    def _size(self, argument: Any) -> int:
        text = json.dumps(resolve(argument, self._lookup), separators=(",", ":"))
        size = len(text)
        if '{"$artifact":' in text:
            from dagy.values.artifacts import names_in

            size += sum(self._artifact(name).stat().st_size for name in names_in(text))
        return size

    def _lookup(self, reference: Direct) -> Any:
        """The JSON of a value; unlike the task, nothing is made of it."""
        if isinstance(reference, ParameterReference):
            return follow(self._parameters[reference.name], reference.path)
        return follow(json.loads(self._results[reference.task_run_id]), reference.path)
