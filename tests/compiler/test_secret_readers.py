"""Which places may read secrets, against what the worker reads in each call that a machine makes."""

from dataclasses import replace

import pytest

from dagy.worker.invocation import Invocation
from dagy_compiler import compile_flow
from dagy_compiler.secret_readers import secret_readers
from tests.compiler.cases import CASES, PLACED

WITHOUT_SERVICES = [
    case for case in (*CASES, *PLACED) if not any(task.service for task in case().tasks.values())
]


def calls(value):
    """Every call of a function in a definition: the function, and what it is asked."""
    if isinstance(value, dict):
        arguments = value.get("Arguments")
        if isinstance(arguments, dict) and "Payload" in arguments:
            name = arguments["FunctionName"].removeprefix("${").removesuffix("Arn}")
            yield name, arguments["Payload"]
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, list):
        for item in value:
            yield from calls(item)


@pytest.mark.parametrize("mode", ["nano", "micro", "medium"])
@pytest.mark.parametrize("case", WITHOUT_SERVICES, ids=lambda case: case.__name__)
def test_whoever_is_asked_what_a_secret_is_read_for_may_read_it(case, mode):
    spec = case()
    secret = [{**entry, "secret": True} for entry in spec.parameters]
    spec = replace(spec, parameters=secret)
    plan = compile_flow(spec, mode=mode).plan
    readers = secret_readers(plan)
    needed = set()
    for machine in plan.machines:
        for place, asked in calls(machine.to_json()):
            if any("{%" in name for name in asked.get("tasks", ())):
                # One of many calls of a task, which differ in their literals.
                rolled = next(unit for unit in plan.units if unit.placement == place)
                asked = {**asked, "tasks": list(rolled.task_runs)}
            if "item" in asked:
                asked = {**asked, "item": 0}
            unread = Invocation(spec, asked).secrets_unread()
            if "parameters" in asked and {entry["name"] for entry in secret} - unread:
                needed.add(place)
    assert needed == {place for place in readers if place.startswith("WorkerFunction")}
