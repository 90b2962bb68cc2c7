"""What every pass makes of small flows. Read the files in golden/: they are the specification."""

import json

import pytest

from dagy_compiler import (
    PASSES,
    compile_flow,
    describe,
    explain,
    explanation_text,
    run_passes,
)
from dagy_compiler.render import dot, mermaid, outline
from tests.compiler.cases import (
    CASES,
    PLACED,
    chain,
    crossed,
    executor_of_its_own,
    mapped,
    n_shape,
    plain_chain,
    tolerant_map,
)

SHOWN = ("validate", "structure", "retry", "dataflow")


def name_of(case):
    return case.__name__.replace("_", "-")


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_pass(case, golden):
    spec = case()
    parts = [f"# {name_of(case)}\n"]
    if case.__doc__:
        parts.append(f"{case.__doc__}\n")
    for name in SHOWN:
        text = describe(run_passes(spec, mode="micro", after=name), name)
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    drawn = outline(compile_flow(spec, mode="micro").definition())
    parts.append(f"## outline\n\n```text\n{drawn}\n```\n")
    golden(f"passes/{name_of(case)}.md", "\n".join(parts))


def test_joins_across_branches(golden):
    spec = crossed()
    parts = ["# joins-across-branches, --joins auto\n", f"{crossed.__doc__}\n"]
    for name in ("structure", "dataflow"):
        text = describe(run_passes(spec, mode="micro", joins="auto", after=name), name)
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    compiled = compile_flow(spec, mode="micro", joins="auto")
    definition = compiled.definition()
    parts.append(f"## outline\n\n```text\n{outline(definition)}\n```\n")
    parts.append(f"## --explain\n\n```text\n{explanation_text(explain(compiled.plan))}\n```\n")
    golden("passes/joins-across-branches.md", "\n".join(parts))
    joins = {
        name: state
        for branch in definition["States"]["fork: settings, download"]["Branches"]
        for name, state in branch["States"].items()
        if name in ("tell: settings", "await: clean", "clean")
    }
    text = json.dumps(joins, indent=2, ensure_ascii=False) + "\n"
    golden("asl/joins-across-branches.asl.json", text)


@pytest.mark.parametrize("case", PLACED, ids=name_of)
def test_places_and_units(case, golden):
    parts = [f"# {name_of(case)}\n", f"{case.__doc__}\n"]
    for mode, fuse in (("nano", "off"), ("medium", "off"), ("micro", "off"), ("micro", "chains")):
        parts.append(f"## {mode}, --fuse {fuse}\n")
        for name in ("place", "fuse"):
            asked = fuse if mode == "micro" else None
            text = describe(run_passes(case(), mode=mode, fuse=asked, after=name), name)
            parts.append(f"### {name}\n\n```text\n{text}\n```\n")
    golden(f"places/{name_of(case)}.md", "\n".join(parts))


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_definition(case, golden):
    definition = compile_flow(case(), mode="micro").definition()
    golden(
        f"asl/{name_of(case)}.asl.json",
        json.dumps(shortened(definition), indent=2, ensure_ascii=False) + "\n",
    )


def shortened(value):
    """A definition without what is the same in each of its tasks, to keep the files readable."""
    if isinstance(value, dict):
        if value.get("Type") == "Task" and not is_worker_call(value):
            value = {**value, "Retry": value["Retry"][1:]}
            if not value["Retry"]:
                del value["Retry"]
        elif value.get("Type") == "Task":
            assert value["Resource"] == "arn:aws:states:::lambda:invoke"
            assert value["Retry"][0]["ErrorEquals"][0] == "Lambda.ClientExecutionTimeoutException"
            value = {
                "Type": "Task",
                "Payload": value["Arguments"]["Payload"],
                **{key: item for key, item in value.items() if key not in HIDDEN},
                **({"Retry": value["Retry"][1:]} if value["Retry"][1:] else {}),
                **(
                    {"TimeoutSeconds": seconds}
                    if (seconds := value["TimeoutSeconds"]) != 660
                    else {}
                ),
            }
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    return value


def is_worker_call(state):
    return state["Arguments"].get("FunctionName") == "${WorkerFunctionArn}"


HIDDEN = ("Type", "Comment", "Resource", "TimeoutSeconds", "Arguments", "Retry")


def test_nano_is_one_call_of_the_worker_in_full(golden):
    text = json.dumps(compile_flow(chain()).definition(), indent=2, ensure_ascii=False) + "\n"
    golden("asl/nano.asl.json", text)


def test_a_container_in_full(golden):
    definition = compile_flow(executor_of_its_own()).definition()
    text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
    golden("asl/executor-of-its-own.asl.json", text)
    golden("places/executor-of-its-own.outline.txt", outline(definition) + "\n")


@pytest.mark.parametrize(
    ("case", "fuse"),
    [
        (n_shape, "off"),
        (mapped, "off"),
        (tolerant_map, "off"),
        (executor_of_its_own, "off"),
        (plain_chain, "chains"),
    ],
    ids=lambda item: item if isinstance(item, str) else name_of(item),
)
def test_explanations(case, fuse, golden):
    plan = compile_flow(case(), mode="micro", fuse=fuse).plan
    golden(f"explanations/{name_of(case)}.txt", explanation_text(explain(plan)) + "\n")


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_drawings(draw, golden):
    case = next(case for case in CASES if case.__name__ == "live_values_only")
    definition = compile_flow(case(), mode="micro").definition()
    golden(f"drawings/live-values-only.{draw.__name__}", draw(definition) + "\n")


@pytest.mark.parametrize("mode", ["nano", "micro"])
def test_every_pass_can_be_described(mode):
    for case in CASES:
        for name, _ in PASSES:
            assert isinstance(describe(run_passes(case(), mode=mode, after=name), name), str)
