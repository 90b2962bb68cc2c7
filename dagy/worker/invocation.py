"""One invocation of the worker: what is asked, through the interpreter, to the answer."""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from dagy.code import Code, code_of, load
from dagy.environment import secret_parameters, worker_environment
from dagy.errors import CodecError, LimitError, ParameterError, SpecError
from dagy.interpreter import Assignment, RunResult, TaskRun, Transition, execute
from dagy.mapping import common_length, item_of, keyed
from dagy.parameters import bind
from dagy.spec import Direct, FlowSpec, ParameterReference, TaskRunSpec, TaskSpec, follow, resolve
from dagy.spec.reading import parameters_in, parameters_read, secret_names
from dagy.state import StateType
from dagy.values import from_text, to_text
from dagy.values.marks import CODEC
from dagy.worker.claims import (
    MAX_TEXT_BYTES,
    Artifacts,
    Claims,
    prefix_of,
)
from dagy.worker.crossing import Crossing
from dagy.worker.failures import own_name
from dagy.worker.records import RecordSink, Sizes
from dagy.worker.seed import SEED_KEY, Keeper, Seed, seed_of
from dagy.worker.surfacing import failure_of, give_up, surface
from dagy.worker.verdict import (
    Lost,
    Retry,
    again,
    flow_event,
    lost_error,
    mourning,
)

# Tasks of one invocation that may run at once. In the cloud the graph's own width is the only limit
# between states; within one Lambda, threads are for waiting, and it has at most six processors.
MAX_WORKERS = 16

MAX_ITEMS = 40_000
"""Items of a map. Their indices are what Step Functions maps over; that these may take no more than
the 262,144 bytes of a state's input is assumed."""

ORDERS = frozenset({"call", "tell", "await", "failed", "raise", "surface"})
"""What an invocation is to do for the state machine itself, and runs no task for."""


class Invocation:
    """One invocation.

    Args:
        spec: the flow.
        event: what is asked; see `dagy.worker`.
    """

    def __init__(self, spec: FlowSpec, event: Mapping[str, Any]) -> None:
        self._spec = spec
        self._event = event
        run = event.get("run")
        part = ", ".join(event.get("tasks", ["the flow"]))
        whose = f"flow {spec.name!r}, {part}"
        self._claims = Claims(run, event.get("limit", MAX_TEXT_BYTES), whose)
        self._artifacts = Artifacts(run, pickles=spec.has_pickles)
        self._crossing = Crossing(event, self._claims)

    def answer(self) -> dict[str, Any]:
        """Do what is asked; return the answer."""
        event = self._event
        if "flow" in event:
            code = _code_of(self._spec.import_path or "")
            return flow_event(self._spec, code, event, self._parameters)
        if event.keys() & ORDERS:
            self._obey()
            return {}
        if "count" in event:
            count = self._count(self._run_spec(event["count"]))
            return {"count": count, "task_run": event["count"]}
        if "truth" in event:
            return {"truth": self._truth(event["truth"], self._lookup)}
        if event.get("return"):
            value = resolve(self._spec.outputs, self._lookup)
            return {"output": self._hand(to_text(value, self._artifacts))}
        if "lost" in event:
            return self._mourn(event["lost"])
        if event.get("rest"):
            time.sleep(event["rest"])
        return self._run_tasks() if "tasks" in event else self._run_flow()

    def _obey(self) -> None:
        """Do what is answered by nothing."""
        match self._event:
            case {"call": call, "key": key}:
                self._claims.keep(key, json.dumps(call))
            case {"tell": told}:
                self._crossing.tell(**told)
            case {"await": awaited}:
                self._crossing.await_others(**awaited)
            case {"failed": _}:
                self._report_lost_item()
                give_up(self._spec, self._event, self._claims)
            case _:
                surface(self._spec, self._event, self._claims)

    @cached_property
    def _parameters(self) -> Mapping[str, Any]:
        name, entries = self._spec.name, self._spec.parameters
        sent = self._event.get("parameters") or {}
        if not isinstance(sent, Mapping):
            raise ParameterError(
                f"flow {name!r}: the input of an execution must be a JSON object, with a value for "
                "each parameter by its name"
            )
        sent = {key: value for key, value in sent.items() if key != SEED_KEY}
        self._check_size(sent)
        unread = self.secrets_unread()
        given = secret_parameters(name, entries, sent, unread)
        entries = [entry for entry in entries if entry["name"] not in unread]
        return bind(name, entries, given, partial="parameters" not in self._event)

    def secrets_unread(self) -> frozenset[str]:
        """Return the parameters that are secrets and that nothing that is asked for reads.

        The role of the worker may not read these; see `dagy_compiler.secret_readers`.
        """
        secret, event = secret_names(self._spec), self._event
        if not secret:
            return secret
        if "tasks" in event:
            told = [self._branch(asked)[0] for asked in event.get("truths", ())]
            return secret - parameters_read(self._asked()) - parameters_in(told)
        if "count" in event:
            return secret - parameters_read([self._run_spec(event["count"])])
        if "truth" in event:
            return secret - parameters_in(self._branch(event["truth"])[0])
        if event.get("return"):
            return secret - parameters_in(self._spec.outputs)
        return frozenset()

    def _check_size(self, sent: Mapping[str, Any]) -> None:
        most = self._event.get("most")
        if most is None:
            return
        text = json.dumps(sent, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode(errors="surrogatepass"))
        if size > most:
            raise LimitError(
                f"flow {self._spec.name!r}: the input of this execution takes {size:,} bytes, and "
                f"for this flow it may take {most:,}, because parameters are passed beside what "
                "tasks made or why they failed, and Step Functions passes 262,144 bytes in all; "
                "write what is large to S3 and give the flow its address"
            )

    @cached_property
    def _results(self) -> dict[str, str]:
        return self._claims.texts(self._event.get("results") or {}) | self._crossing.read()

    def _lookup(self, reference: Direct) -> Any:
        if isinstance(reference, ParameterReference):
            return follow(self._parameters[reference.name], reference.path)
        text = self._results[reference.task_run_id]
        if f'{{"{CODEC}":' in text:
            # The codecs of the user's types are registered by the code that made it.
            task = self._spec.tasks[self._run_spec(reference.task_run_id).task_name]
            _code_of(task.import_path)
        return follow(from_text(text, self._artifacts), reference.path)

    def _run_spec(self, task_run_id: str, *, alone: bool = True) -> TaskRunSpec:
        for run in self._spec.task_runs:
            if run.id == task_run_id:
                # Alone, it is here because the state machine has decided that its branch is taken.
                return replace(run, when=[]) if alone else run
        raise SpecError("tasks", f"flow {self._spec.name!r} has no task run {task_run_id!r}")

    def _report_lost_item(self) -> None:
        """Record that an item of a map failed, where its own worker could not say so.

        What is no error of the user's has a dot in its name.
        """
        failure = failure_of(self._event)
        if "." in failure.type:
            name, now = f"{self._event['failed']}[{self._event['item']}]", time.time()
            records = self._sink(self._spec, {}, whole=False)
            records.emit(Transition(now, name, StateType.FAILED, 0, error=failure))

    def _truth(self, asked: Mapping[str, Any], lookup: Callable[[Direct], Any]) -> bool:
        """Return whether a value is true that decides a branch.

        Args:
            asked: where it stands: `task`, a task run, and `branch`, which of those around that.
            lookup: gives the value of a reference.
        """
        condition, _ = self._branch(asked)
        return bool(resolve(condition, lookup))

    def _branch(self, asked: Mapping[str, Any]) -> Sequence[Any]:
        [run] = [run for run in self._spec.task_runs if run.id == asked["task"]]
        return run.when[asked["branch"]]

    def _truths(self, made: Mapping[str, TaskRun]) -> dict[str, Any]:
        """Return what is to be told of values that decide branches, as fields of the answer.

        Where something is wrong with a value it is null: the branch then asks, and fails by it.
        """

        def lookup(reference: Direct) -> Any:
            if isinstance(reference, ParameterReference):
                return self._lookup(reference)
            text = made[reference.task_run_id].output
            if text is None:
                raise LookupError(f"{reference.task_run_id} was skipped")
            return follow(from_text(text, self._artifacts), reference.path)

        truths: dict[str, bool | None] = {}
        for at, asked in enumerate(self._event.get("truths", ())):
            truths[f"t{at}"] = None
            # A truth may be code of the user's, and the task run has succeeded whatever it raises.
            with suppress(BaseException):
                truths[f"t{at}"] = self._truth(asked, lookup)
        return {"truths": truths} if truths else {}

    def _count(self, run: TaskRunSpec) -> int:
        named = {name: resolve(value, self._lookup) for name, value in run.kwargs.items()}
        given = keyed(resolve(run.args, self._lookup), named)
        count = common_length({key: given[key] for key in run.map_over or ()})
        if count > MAX_ITEMS:
            raise LimitError(
                f"flow {self._spec.name!r}, {run.id}: the map has {count:,} items, and on AWS it "
                f"may have {MAX_ITEMS:,}; map over groups of them, with a task for a group"
            )
        return count

    def _asked(self) -> list[TaskRunSpec]:
        """Return the task runs that are asked for; of a map, the item."""
        alone = len(self._event["tasks"]) == 1
        runs = [self._run_spec(name, alone=alone) for name in self._event["tasks"]]
        if "item" in self._event:
            return [item_of(run, self._event["item"]) for run in runs]
        return runs

    def _run_flow(self) -> dict[str, Any]:
        attempt = self._event.get("attempt")
        result = self._execute(self._spec, Assignment(flow_attempt=attempt))
        if result.exception is None:
            return {"output": self._hand(to_text(result.output, self._artifacts))}
        if attempt is not None and result.retry_in is not None and self._event.get("decide"):
            raise Retry(again(attempt, result.retry_in, result.error)) from None
        raise own_name(result.exception)

    def _run_tasks(self) -> dict[str, Any]:
        runs = self._asked()
        if "keep" in self._event:
            return self._run_kept(runs[0])
        made = self._perform(runs).task_runs
        self._store({name: _text(made[name]) for name in self._event.get("store", ())})
        if "want" not in self._event:
            last = runs[-1].id
            output = self._hand(_text(made[last]), self._event["tasks"][-1])
            return {"output": output, "task_run": last, **self._truths(made)}
        wanted = self._event["want"]
        outputs = {f"o{index}": self._hand_run(made[name]) for index, name in enumerate(wanted)}
        return {"outputs": outputs, "task_runs": wanted, **self._truths(made)}

    def _store(self, outputs: Mapping[str, str]) -> None:
        """Store outputs under the ids of their task runs, for readers that no variable is for."""
        for text in outputs.values():
            self._artifacts.share(text)
        self._crossing.store(outputs)

    def _run_kept(self, run: TaskRunSpec) -> dict[str, Any]:
        """Run an item whose output is stored, because there are too many of them."""
        prefix = prefix_of(self._event["tasks"][0], self._event.get("flow_attempt"))
        key = f"{prefix}/{self._event['item']}"
        if self._event.get("redrives") and self._claims.has(key):
            return {}
        output = _text(self._perform([run]).task_runs[run.id])
        self._artifacts.share(output)
        self._claims.keep(key, output)
        return {}

    def _perform(self, runs: list[TaskRunSpec], *, lost: Lost | None = None) -> RunResult:
        """Run task runs; raise what failed, or `Retry` if that is asked for and due."""
        spec = replace(self._spec, task_runs=runs)
        attempt = self._event.get("attempt")
        ids = frozenset(run.id for run in runs)
        # What is there already reads nothing.
        results = {} if ids <= self._seed.results.keys() else self._results
        assignment = Assignment(ids, results, attempt)
        if lost is not None:
            spec = mourning(spec, runs[0])
        result = self._execute(spec, assignment, lost)
        if result.exception is None:
            return result
        assert result.failed_task is not None
        failed = result.task_runs[result.failed_task]
        if failed.retry_in is not None and self._event.get("decide"):
            self._records.retried(failed, time.time())
            raise Retry(again(failed.attempt, failed.retry_in, failed.error)) from None
        raise result.exception if lost is not None else own_name(result.exception)

    def _mourn(self, lost: Mapping[str, str]) -> dict[str, Any]:
        """Say what follows when a worker died in an attempt."""
        if "tasks" not in self._event:
            code = _code_of(self._spec.import_path or "")
            told = {"flow": "failed", "error": lost["Error"], "cause": lost.get("Cause", "")}
            return flow_event(self._spec, code, {**self._event, **told}, self._parameters)
        error = lost_error(lost["Error"], lost.get("Cause", ""))
        try:
            self._perform(self._asked(), lost=error)
        except Retry as retry:
            return {"again": True, **json.loads(str(retry))}
        except BaseException:  # it is the lost worker's, raised again to call the hooks
            pass
        return {"again": False, "error": lost["Error"], "cause": lost.get("Cause", "")}

    @cached_property
    def _seed(self) -> Seed:
        return seed_of(self._claims, self._event.get("parameters"))

    def _execute(
        self, spec: FlowSpec, assignment: Assignment, lost: Lost | None = None
    ) -> RunResult:
        def code_of_task(name: str) -> Code:
            code = _code_of(spec.tasks[name].import_path)
            return code if lost is None else lost.code(code)

        whole = assignment.task_run_ids is None
        assignment = self._seed.given_to(assignment, spec)
        records = self._records = self._sink(spec, assignment.results, whole=whole)
        keeping = whole and self._claims.outlive
        with Keeper(records, self._claims) if keeping else nullcontext(records) as sink:
            return execute(
                spec,
                code_of_task,
                self._parameters,
                sink=sink,
                flow_code=self._flow_code() if whole else None,
                max_workers=MAX_WORKERS,
                assignment=assignment,
                store=self._artifacts,
                secrets=worker_environment(_assigned(spec, assignment)),
            )

    def _sink(self, spec: FlowSpec, results: Mapping[str, str], *, whole: bool) -> RecordSink:
        def names(task_name: str) -> list[str]:
            return list(
                inspect.signature(_code_of(spec.tasks[task_name].import_path).fn).parameters
            )

        sizes = Sizes(spec, self._parameters, results, names, self._artifacts.path)
        return RecordSink(sys.stdout, self._event.get("run"), sizes, whole=whole)

    def _flow_code(self) -> Code | None:
        """The code of the flow, where its spec says that it has hooks or retries."""
        spec = self._spec
        if spec.import_path is None or not (spec.retries or spec.hooks):
            return None
        return _code_of(spec.import_path)

    def _hand_run(self, run: TaskRun) -> Any:
        return None if run.state is StateType.SKIPPED else self._hand(_text(run), run.id)

    def _hand(self, text: str, task_run_id: str | None = None) -> Any:
        if '{"$artifact":' in text and not self._artifacts.outlives():
            raise CodecError(
                f"flow {self._spec.name!r}: what it returns is kept as a file (a frame, an array, "
                "bytes), and in execution mode 'nano' there is no bucket for it; build the flow "
                "with --execution-mode micro, or return JSON"
            )
        self._artifacts.share(text)
        return self._claims.hand(text, inline=task_run_id in self._event.get("inline", ()))


def _assigned(spec: FlowSpec, assignment: Assignment) -> list[TaskSpec]:
    """Return the tasks that an assignment runs."""
    ids = assignment.task_run_ids
    names = [run.task_name for run in spec.task_runs if ids is None or run.id in ids]
    return [spec.tasks[name] for name in dict.fromkeys(names)]


def _code_of(import_path: str) -> Code:
    return code_of(load(import_path))


def _text(run: TaskRun) -> str:
    return run.output or "null"
