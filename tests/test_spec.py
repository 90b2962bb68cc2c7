"""The FlowSpec's JSON: it round-trips exactly, and what is malformed is refused by field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy import FlowSpec, flow, task
from dagy.errors import SpecError
from dagy.spec import TaskReference, encode, references_in, resolve
from dagy.spec.references import escape


@task(retries=2, retry_delay_seconds=[1, 5])
def extract(source):
    """Read rows."""


@task
def load(rows, **options):
    pass


@flow
def daily(source: str = "web"):
    rows = extract(source)
    return {"loaded": load(rows["items"], mode={"$task": "not one"})}


def document() -> dict:
    return json.loads(daily.build().to_json())


def test_json_round_trips_exactly():
    spec = daily.build()
    assert FlowSpec.from_json(spec.to_json()) == spec
    assert FlowSpec.from_json(spec.to_json(indent=2)) == spec
    assert FlowSpec.from_json(spec.to_json()).to_json() == spec.to_json()


def test_from_json_accepts_bytes():
    spec = daily.build()
    assert FlowSpec.from_json(spec.to_json().encode()) == spec


def corrupt(*steps, value=...):
    """A change to the document: set the field that the steps lead to, or drop it."""

    def change(spec):
        for step in steps[:-1]:
            spec = spec[step]
        if value is ...:
            del spec[steps[-1]]
        else:
            spec[steps[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (corrupt("schema_version", value=99), "schema_version", "is 99, and this version"),
        (corrupt("schema_version"), "schema_version", "is None"),
        (corrupt("name"), "name", "is missing"),
        (corrupt("name", value=3), "name", "must be a string"),
        (corrupt("colour", value=3), "colour", "is not a field"),
        (corrupt("tasks", "extract", "retries", value="2"), "tasks['extract'].retries", "an integer"),
        (corrupt("tasks", "extract", "retries", value=True), "tasks['extract'].retries", "an integer"),
        (corrupt("tasks", "extract", "retries", value=-1), "tasks['extract'].retries", "at least 0"),
        (corrupt("tasks", "extract", "name", value="x"), "tasks['extract'].name", "its key is"),
        (corrupt("tasks", "extract", value=[]), "tasks['extract']", "must be an object"),
        (
            corrupt("tasks", "extract", "retry_delay_seconds", value=["x"]),
            "tasks['extract'].retry_delay_seconds",
            "must be a number",
        ),
        (corrupt("task_runs", 1, "id", value="extract"), "task_runs[1].id", "there twice"),
        (corrupt("task_runs", 1, "id", value="{% 1 %}"), "task_runs[1].id", "must be letters"),
        (corrupt("task_runs", 1, "task_name", value="x"), "task_runs[1].task_name", "no task 'x'"),
        (corrupt("task_runs", 0, "depends_on", value=["load"]), "task_runs[0].depends_on[0]", "not an earlier"),
        (corrupt("task_runs", 0, "depends_on", value="x"), "task_runs[0].depends_on", "a list of strings"),
        (corrupt("task_runs", 1, "depends_on", value=[]), "task_runs[1].args", "does not depend on"),
        (corrupt("task_runs", 0, "args", value=[{"$param": "x"}]), "task_runs[0].args", "not a parameter"),
        (corrupt("task_runs", 0, "args", value=[{"$task": 3}]), "task_runs[0].args", "malformed reference"),
        (corrupt("task_runs", 0, "args", value={}), "task_runs[0].args", "must be a list"),
        (corrupt("edges", value=[]), "edges", "do not agree"),
        (corrupt("edges", value=[3]), "edges", "pairs of ids"),
        (corrupt("outputs", value={"$task": "x"}), "outputs", "refers to 'x'"),
        (corrupt("parameters", value=[{"name": 1}]), "parameters[0]", "an object with a name"),
        (corrupt("parameters", value=[{"name": "a", "required": 1}]), "parameters[0].required", "true or false"),
        (corrupt("parameters", value=[{"name": "a", "accepts": ["int"]}]), "parameters[0].accepts", "kinds of JSON"),
        (corrupt("parameters", value=[{"name": "a", "colour": 1}]), "parameters[0].colour", "is not a field"),
        (corrupt("task_runs", 0, "args", value=[{"$literal": 3}]), "task_runs[0].args", "malformed literal"),
        (corrupt("task_runs", 0, "executor", value="lamda"), "task_runs[0].executor", '"lambda"'),
        (corrupt("task_runs", 0, "when", value=[1]), "task_runs[0].when", "pairs of a reference"),
        (corrupt("task_runs", 0, "map_over", value=[7]), "task_runs[0].map_over", "no argument 7"),
        (corrupt("tasks", "extract", "timeout_seconds", value=0), "tasks['extract'].timeout_seconds", "above 0"),
        (corrupt("tasks", "extract", "expected_seconds", value=0), "tasks['extract'].expected_seconds", "above 0"),
        (corrupt("tasks", "extract", "concurrency_limit", value=0), "tasks['extract'].concurrency_limit", "at least 1"),
        (corrupt("tasks", "extract", "tolerated_failures", value=1.5), "tasks['extract'].tolerated_failures", "above 0 and below 1"),
        (corrupt("tasks", "extract", "tolerated_failures", value=True), "tasks['extract'].tolerated_failures", "at least 0"),
        (corrupt("tasks", "extract", "retry_jitter_factor", value=2), "tasks['extract'].retry_jitter_factor", "from 0 to 1"),
        (corrupt("tasks", "extract", "retry_delay_seconds", value=[]), "tasks['extract'].retry_delay_seconds", "a list of them"),
        (corrupt("tasks", "extract", "hooks", value={"on_fire": []}), "tasks['extract'].hooks", "on_running"),
        (corrupt("parameters", value=[{"name": "a"}, {"name": "a"}]), "parameters[1].name", "there twice"),
    ],
)  # fmt: skip
def test_a_malformed_spec_is_refused_with_the_path_of_the_field(change, path, message):
    spec = document()
    change(spec)
    with pytest.raises(SpecError) as refusal:
        FlowSpec.from_json(json.dumps(spec))
    assert refusal.value.path == path
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "nope", "[]", "3", '{"schema_version": 3', '{"a": NaN}', "[" * 100_000, None]
)
def test_what_is_no_spec_at_all_is_refused(text):
    with pytest.raises(SpecError):
        FlowSpec.from_json(text)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["$task", "$param", "$literal", "path", "a"]), inner)
    ),
    max_leaves=20,
)


def escaped(value):
    if isinstance(value, dict):
        return escape({key: escaped(item) for key, item in value.items()})
    return [escaped(item) for item in value] if isinstance(value, list) else value


@given(plain)
def test_no_data_can_be_taken_for_a_reference_and_none_is_changed(value):
    encoded = escaped(value)
    assert list(references_in(encoded)) == []
    assert resolve(encoded, lambda reference: pytest.fail(f"{reference} is data")) == value


def test_references_are_found_in_reading_order_and_replaced():
    a, b = TaskReference("a"), TaskReference("b", ("rows", 0))
    value = {"x": [encode(a), {"$literal": {"$task": encode(b)}}], "y": 1}
    assert list(references_in(value)) == [a, b]
    assert resolve(value, lambda reference: reference) == {"x": [a, {"$task": b}], "y": 1}
