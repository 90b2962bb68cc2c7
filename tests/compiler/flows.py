"""FlowSpecs written by hand, and the model of a worker that answers for their tasks.

flow = Flow()
flow.task("extract", {"$param": "day"})
flow.task("load", output("extract"), retries=2, delay=5)
spec = flow.returns(output("load"))
"""

import json
import re
from collections import Counter
from dataclasses import replace

from sfnx.testing import Failure, run

from dagy.policy import RetryPolicy
from dagy.spec import EPOCH, FlowSpec, TaskReference, TaskRunSpec, TaskSpec, references_in, resolve
from dagy_compiler import CompiledFlow, run_passes
from dagy_compiler.container_states import RUN_TASK
from dagy_compiler.passes import Split
from tests.engines.sfnx import nesting


def output(task_run_id, *path):
    """A reference to a task's output, or to part of it."""
    return {"$task": task_run_id, "path": list(path)} if path else {"$task": task_run_id}


def parameter(name):
    return {"$param": name}


class Flow:
    def __init__(self, name="daily", parameters=("day",)):
        self.name = name
        self.parameters = [
            {"name": item, "kind": "POSITIONAL_OR_KEYWORD", "required": False, "default": None}
            for item in parameters
        ]
        self.tasks = {}
        self.runs = []

    def again(self, run_id, of, *args):
        """Add one more call of a task that is there."""
        before = self.tasks
        self.tasks = {}
        self.task(run_id, *args)
        self.tasks = before
        self.runs[-1] = replace(self.runs[-1], task_name=of)
        return self

    def task(
        self,
        run_id,
        *args,
        after=(),
        retries=0,
        delay=None,
        executor=None,
        map_over=None,
        when=(),
        named=None,
        **policy,
    ):
        """Add a task and one call of it; dependencies are the references and `after`.

        `executor` is the call's own.
        """
        named = named or {}
        fields = {
            "default_executor": None,
            "timeout_seconds": None,
            "concurrency_limit": None,
            **policy,
        }
        self.tasks[run_id] = TaskSpec(
            name=run_id,
            import_path=f"flows:{run_id}",
            description=None,
            retries=retries,
            retry_delay_seconds=delay,
            **fields,
        )
        found = [
            reference.task_run_id
            for reference in references_in(
                [list(args), named, [condition for condition, _ in when]]
            )
            if isinstance(reference, TaskReference)
        ]
        depends_on = list(dict.fromkeys([*found, *after]))
        self.runs.append(
            TaskRunSpec(
                *(run_id, run_id, depends_on, list(args), named, executor),
                map_over=map_over,
                when=[list(branch) for branch in when],
            )
        )
        return self

    def service(self, run_id, resource, *, after=(), retries=0, delay=None, **arguments):
        """Add a task that calls a service."""
        service = {"kind": "aws", "resource": resource}
        policy = {"after": after, "retries": retries, "delay": delay, "service": service}
        return self.task(run_id, named=arguments, executor="step-functions", **policy)

    def returns(self, outputs=None, **policy):
        edges = [[source, run.id] for run in self.runs for source in run.depends_on]
        return FlowSpec(
            *(self.name, "1", EPOCH, self.tasks, self.runs, edges, outputs, self.parameters),
            **policy,
        )


class Worker:
    """Speaks the worker's protocol: each task returns its id and its arguments.

    `failing` says how many attempts of a task fail, `errors` under which name.
    """

    def __init__(self, spec, failing=None, error="ValueError"):
        self.spec = spec
        self.runs = {run.id: run for run in spec.task_runs}
        self.failing = failing or {}
        self.error = error
        self.attempts = []
        self.order = []
        self.made = {}  # outputs, by task run
        self.contained = []  # task runs that ran in containers
        self.kept = {}  # calls, by key

    def __call__(self, call):
        if call.resource == RUN_TASK:
            event = self.told(call.arguments)
            self.contained += event.get("tasks", self.runs)
        else:
            event = call.arguments["Payload"]
            assert re.fullmatch(r"\$\{WorkerFunction\w*Arn\}", call.arguments["FunctionName"])
        assert event["dagy"] == 2
        if "call" in event:
            self.kept[f"{event['run']}/{event['key']}"] = json.loads(json.dumps(event["call"]))
            return {"Payload": {}}
        return {"Payload": self.answered(event), "StatusCode": 200}

    def told(self, arguments):
        """The call that a container finds in its environment, and under the key there."""
        [container] = arguments["Overrides"]["ContainerOverrides"]
        given = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
        assert len(json.dumps(arguments["Overrides"])) < 8_192
        assert given["DAGY_TASK_TOKEN"]
        kept = self.kept[given["DAGY_CALL_S3"]] if "DAGY_CALL_S3" in given else {}
        return kept | json.loads(given["DAGY_CALL"])

    def answered(self, event):
        """The answer as the state machine gets it: only what it wants, as text."""
        found = self.answer(event)
        if not event.get("want"):
            return {} if event.get("want") == [] else {"output": json.dumps(found)}
        texts = [json.dumps(self.made[name]) for name in event["want"]]
        return {"outputs": {f"o{index}": text for index, text in enumerate(texts)}}

    def answer(self, event):
        parameters = event.get("parameters", {})
        results = {key: json.loads(text) for key, text in event.get("results", {}).items()}
        if event.get("return"):
            return self.resolved(self.spec.outputs, parameters, results)
        for task_run_id in event.get("tasks", self.runs):
            run_spec = self.runs[task_run_id]
            self.attempts.append((task_run_id, event.get("attempt")))
            self.fail(task_run_id, decide=event.get("decide"))
            arguments = self.resolved(run_spec.args, parameters, results)
            results[task_run_id] = {"task": task_run_id, "args": arguments}
            self.made[task_run_id] = results[task_run_id]
            self.order.append(task_run_id)
        if "tasks" in event:
            return results[event["tasks"][-1]]
        return self.resolved(self.spec.outputs, parameters, results)

    def fail(self, task_run_id, *, decide):
        made = Counter(name for name, _ in self.attempts)[task_run_id]
        if made > self.failing.get(task_run_id, 0):
            return
        task = self.spec.tasks[self.runs[task_run_id].task_name]
        error, message = self.error, f"attempt {made}"
        if decide and made <= task.retries:
            delay = RetryPolicy(task.retries, task.retry_delay_seconds).delay_after(made)
            wait = int(delay)
            error = "Dagy.Retry"
            message = json.dumps({"attempt": made + 1, "wait": wait, "rest": delay - wait})
        raise Failure(error, json.dumps({"errorMessage": message}))

    def resolved(self, value, parameters, results):
        def lookup(reference):
            if isinstance(reference, TaskReference):
                found = results[reference.task_run_id]
            else:
                found = parameters[reference.name]
            for step in reference.path:
                found = found[step]
            return found

        return resolve(value, lookup)


def expected(spec, execution_input):
    """What a flow returns, worked out in order and without a state machine."""
    return Worker(spec).answer({"dagy": 2, "parameters": execution_input})


def surface(call):
    """Raise what a worker is told to raise, as it does in an execution that was not redriven."""
    if told := call.arguments.get("Payload", {}).get("raise"):
        raise Failure(told["error"], told["cause"])


def execute(compiled, worker, execution_input=None, **options):
    """Run a compiled flow on sfnx's engine."""
    task = nesting(worker, compiled.parts())
    return run(compiled.definition(), execution_input or {"day": "monday"}, task, **options)


def compile_split(spec, definition_bytes):
    """A flow in mode micro, in machines of no more bytes than that where cuts can make them."""
    plan = run_passes(spec, mode="micro", after="emit")
    plan = Split(definition_bytes=definition_bytes)(plan)
    return CompiledFlow(spec, "micro", plan, plan.machine)
