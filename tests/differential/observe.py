"""Running a drawn flow here and as a state machine, and what can be compared of it."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from sfnx.testing import Call, Failure, run

from dagy.container import call_of
from dagy.spec import FlowSpec
from dagy.testing import run_in_memory
from dagy.worker import handle
from dagy_compiler import CompiledFlow
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.compile import PASSES
from dagy_compiler.container_states import RUN_TASK
from dagy_compiler.join_states import RESOURCE as JOIN
from dagy_compiler.limits import HANDED_BYTES
from dagy_compiler.passes import Dataflow, Split, Structure
from dagy_compiler.plan import Plan
from dagy_compiler.tree import joined_in
from tests.differential import palette
from tests.differential.programs import Drawn
from tests.engines import Outcome
from tests.engines.handler import FunctionError
from tests.engines.ministack import Ministack
from tests.engines.moto import execute_definition
from tests.engines.sfnx import joined, nesting


@dataclass(frozen=True)
class Observed:
    """How a flow ended, and what was called on the way, in whatever order."""

    status: str
    output: Any
    error: str | None
    message: str | None
    called: Counter[tuple[Any, ...]]


class Here:
    """The real worker, in this process.

    Args:
        spec: the flow.
    """

    def __init__(self, spec: FlowSpec) -> None:
        self._spec = spec

    @property
    def data(self) -> Path:
        """The folder that stands for the bucket, while there is one."""
        return Path(os.environ["DAGY_DATA_DIR"])

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one invocation; raise FunctionError with what Lambda answers for an exception."""
        try:
            # Through text and back, as between Step Functions and Lambda.
            return json.loads(json.dumps(handle(json.loads(json.dumps(event)), self._spec)))
        except BaseException as error:
            raise FunctionError(
                {
                    "errorType": type(error).__name__,
                    "errorMessage": str(error),
                    "stackTrace": traceback.format_tb(error.__traceback__),
                }
            ) from error


def locally(program: Drawn) -> Observed:
    """Run a flow in memory, one task at a time."""
    palette.CALLED.clear()
    result = run_in_memory(palette.drawn(program.body(), program.policy))
    error = result.error
    return Observed(
        result.status,
        # As JSON has it: an execution's output knows no tuples.
        json.loads(json.dumps(result.result)),
        error and error.type,
        error and error.message,
        Counter(palette.CALLED),
    )


def spec_of(program: Drawn) -> FlowSpec:
    """Return the spec of a flow, with its code where a worker finds it."""
    built = palette.drawn(program.body(), program.policy).build()
    return replace(built, import_path=palette.FLOW_PATH)


Around = Callable[[Callable[[], Any]], Any]
"""Makes an invocation, or does something else in its place."""


def compiled(
    spec: FlowSpec,
    mode: str,
    fuse: str = "off",
    size: int | None = None,
    *,
    joins: int | None = None,
    room: int = HANDED_BYTES,
) -> CompiledFlow:
    """Compile a flow.

    Args:
        spec: the flow.
        mode: the execution mode.
        fuse: which task runs share an invocation.
        size: into machines of no more bytes than that, if cuts can make them.
        joins: joins across branches wherever a barrier would cost any time, if the tasks take as
            long as is drawn from this seed, again and again until there is a join.
        room: bytes that values may take together.
    """
    random = Random(joins)
    plan = Plan(spec, mode, {}, fuse, "tree" if joins is None else "auto")
    for name, run_pass in PASSES:
        match name:
            case "structure" if joins is not None:
                for _ in range(30):
                    durations = {run.id: random.uniform(1, 10) for run in spec.task_runs}
                    plan = Structure(loss=1.0, join_seconds=0)(replace(plan, durations=durations))
                    if any(joined_in(plan.tree)):
                        break
            case "dataflow":
                plan = Dataflow(room)(plan)
            case "split" if room != HANDED_BYTES:
                pass  # it would make the program anew
            case "split" if size is not None:
                plan = Split(definition_bytes=size)(plan)
            case _:
                plan = run_pass(plan)
    assert plan.machine is not None
    return CompiledFlow(spec, mode, plan, plan.machine)


def on_sfnx(
    program: Drawn,
    mode: str,
    around: Around = lambda invoke: invoke(),
    fuse: str = "off",
    size: int | None = None,
    *,
    joins: int | None = None,
    room: int = HANDED_BYTES,
) -> Observed:
    """Run a flow as a state machine on sfnx's runner; see `compiled`."""
    spec = spec_of(program)
    palette.CALLED.clear()
    flow = compiled(spec, mode, fuse, size, joins=joins, room=room)
    task = answering(Here(spec), lambda _event, invoke: around(invoke))
    with in_a_folder():
        execution = run(flow.definition(), {}, nesting(task, flow.parts()))
    failed = execution.error is not None
    return _observed(execution.error, execution.cause, None if failed else execution.output)


def answering(
    worker: Here, around: Callable[[Any, Callable[[], Any]], Any]
) -> Callable[[Call], Any]:
    """Return what answers the calls of a state machine on sfnx's runner.

    Args:
        worker: that does it.
        around: is given what the worker is sent, and makes the invocation, or does something else.
    """

    def task(call: Call) -> object:
        event = event_of(call)
        try:
            answer = {"Payload": around(event, lambda: worker.invoke(event))}
        except FunctionError as error:
            raise Failure(error.payload["errorType"], json.dumps(error.payload)) from error
        return joined(call, worker.data) if call.resource == JOIN else answer

    return task


@contextmanager
def in_a_folder() -> Iterator[None]:
    """A folder in place of the bucket, for one execution."""
    with (
        tempfile.TemporaryDirectory(prefix="dagy-data-") as folder,
        patch.dict(os.environ, {"DAGY_DATA_DIR": folder}),
    ):
        yield


def event_of(call: Call) -> Any:
    """What the worker is sent: by Lambda's payload, or by the environment of a container."""
    if call.resource != RUN_TASK:
        return call.arguments["Payload"]
    [container] = call.arguments["Overrides"]["ContainerOverrides"]
    return json.loads(call_of({item["Name"]: item["Value"] for item in container["Environment"]}))


def on_moto(
    program: Drawn,
    mode: str,
    size: int | None = None,
    *,
    joins: int | None = None,
    room: int = HANDED_BYTES,
) -> Observed:
    """Run a flow as a state machine on moto's engine; see `compiled`."""
    spec = spec_of(program)
    palette.CALLED.clear()
    flow = compiled(spec, mode, size=size, joins=joins, room=room)
    definition = json.dumps(flow.definition(), ensure_ascii=False)
    with in_a_folder():
        outcome = execute_definition(definition, {}, Here(spec), flow.parts())
    return _observed(outcome.error, outcome.cause, outcome.output)


def on_ministack(ministack: Ministack, program: Drawn, *, joins: int | None = None) -> Outcome:
    """Run a flow as a deployed stack, with the worker of its artifact in a process of its own."""
    flow = compiled(spec_of(program), "micro", joins=joins)
    root = Path(__file__).parents[2]
    package = (root / "tests" / "__init__.py", Path(__file__).with_name("__init__.py"))
    source = FlowSource(root, (Path(palette.__file__), *package))
    with tempfile.TemporaryDirectory(prefix="dagy-bundle-") as folder:
        bundle = write_bundle(flow, source, Path(folder), python_version="3.12")
        return ministack.run(bundle.path, {})


def in_doubles(observed: Observed) -> Observed:
    """Return what was observed with numbers as expressions have them, which open a return value."""

    def rounded(value: Any) -> Any:
        match value:
            case dict():
                return {key: rounded(item) for key, item in value.items()}
            case list():
                return [rounded(item) for item in value]
            case int() if not isinstance(value, bool):
                return float(value)
        return value

    return replace(observed, output=rounded(observed.output))


def _observed(error: str | None, cause: str | None, output: Any) -> Observed:
    called = Counter(palette.CALLED)
    if error is None:
        return Observed("SUCCEEDED", output, None, None, called)
    message = json.loads(cause or "{}").get("errorMessage")
    return Observed("FAILED", None, error, message, called)
