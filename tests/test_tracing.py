"""Tracing: a flow's function becomes a FlowSpec, and misuse is refused where it stands."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from dagy import FlowSpec, TaskOutput, branch, flow, task
from dagy.errors import ParameterError, TraceError
from dagy.testing import run_in_memory


@task
def extract(source: str, limit: int = 10) -> dict:
    return {"rows": [source] * limit}


@task
def join(*parts, **named) -> list:
    return list(parts)


def runs(spec: FlowSpec) -> dict:
    return {run.id: run for run in spec.task_runs}


def test_calls_become_task_runs_with_readable_ids():
    @flow
    def three():
        first = extract("a")
        assert isinstance(first, TaskOutput)
        assert first.task_run_id == "extract"
        join(first, extract("b", limit=2))

    spec = three.build()
    assert list(runs(spec)) == ["extract", "extract-2", "join"]
    assert runs(spec)["extract-2"].args == ["b"]
    assert runs(spec)["extract-2"].kwargs == {"limit": 2}
    assert spec.edges == [["extract", "join"], ["extract-2", "join"]]
    assert spec.outputs is None


def test_dependencies_are_found_in_nested_lists_and_dicts_and_paths_are_kept():
    @flow
    def nested():
        a, b = extract("a"), extract("b")
        return join([{"deep": (a["rows"][0], 1)}], last=b["rows"][-1])

    join_run = runs(nested.build())["join"]
    assert join_run.depends_on == ["extract", "extract-2"]
    assert join_run.args == [[{"deep": [{"$task": "extract", "path": ["rows", 0]}, 1]}]]
    assert join_run.kwargs == {"last": {"$task": "extract-2", "path": ["rows", -1]}}


def test_wait_for_orders_without_data():
    @flow
    def ordered():
        a = extract("a")
        extract("b", wait_for=[a])

    second = runs(ordered.build())["extract-2"]
    assert second.depends_on == ["extract"]
    assert second.args == ["b"]
    assert second.kwargs == {}


def test_wait_for_takes_what_a_branch_or_a_flow_comes_to_and_outputs_within_lists_and_dicts():
    @flow
    def within():
        return {"last": extract("b"), "n": 3}

    @flow
    def ordered():
        a = extract("a")
        chosen = branch(a, lambda: join(x=extract("c")), lambda: a)
        extract("d", wait_for=[within(), chosen["rows"]])
        extract("e", wait_for=[[a, {"x": a}]])
        extract("f", wait_for=None)

    found = runs(ordered.build())
    assert found["extract-3"].depends_on == ["within.extract", "extract", "join"]
    assert found["extract-4"].depends_on == ["extract"]
    assert found["extract-5"].depends_on == []


def test_data_that_looks_like_a_reference_is_escaped():
    @flow
    def tricky():
        return join({"$task": "extract"}, {"$param": 1, "x": extract("a")}, {"$literal": []})

    assert runs(tricky.build())["join"].args == [
        {"$literal": {"$task": "extract"}},
        {"$literal": {"$param": 1, "x": {"$task": "extract"}}},
        {"$literal": {"$literal": []}},
    ]


def test_an_argument_may_have_the_name_of_a_reference():
    @task
    def taking(**given):
        return given

    @flow
    def tricky():
        return taking(**{"$task": extract("a"), "$literal": {"$param": "x"}})

    [_, run] = tricky.build().task_runs
    assert run.kwargs == {
        "$task": {"$task": "extract"},
        "$literal": {"$literal": {"$param": "x"}},
    }
    assert run.depends_on == ["extract"]


def test_parameters_stay_symbolic_and_build_binds_them():
    @flow
    def parameterised(source: str, n: int = 3):
        return {"n": n, "rows": [extract(source, n)["rows"]]}

    spec = parameterised.build()
    assert runs(spec)["extract"].args == [{"$param": "source"}, {"$param": "n"}]
    assert spec.outputs == {
        "n": {"$param": "n"},
        "rows": [{"$task": "extract", "path": ["rows"]}],
    }
    assert spec.parameters == [
        {"name": "source", "required": True, "type": "str", "accepts": ["string"]},
        {"name": "n", "required": False, "type": "int", "accepts": ["integer"], "default": 3},
    ]
    bound = parameterised.build("web", n=5)
    assert runs(bound)["extract"].args == ["web", 5]
    assert [entry["bound"] for entry in bound.parameters] == ["web", 5]
    assert not bound.parameters[0]["required"]


def test_a_bound_parameter_shapes_the_graph():
    @flow
    def wide(n: int):
        return [extract(str(i)) for i in range(n)]

    assert len(wide.build(n=3).task_runs) == 3
    with pytest.raises(TraceError, match=r"build\(n=\.\.\.\)"):
        wide.build()


def test_building_twice_gives_the_same_bytes_apart_from_created_at():
    @flow
    def again(n: int = 2):
        return join(extract("a", n), extract("b"))

    first, second = again.build(version="7"), again.build(version="7")
    assert first.version == "7"
    assert first.canonical().to_json() == second.canonical().to_json()
    assert first.digest() == second.digest() != again.build().digest()


def test_names_that_are_not_legal_ids_are_made_so_and_collisions_resolved():
    @task(name="Extract: rows {% $x %} ${y}!")
    def odd():
        pass

    @task(name="extract-2")
    def second():
        pass

    @task(name="?*")
    def nothing_left():
        pass

    @task(name="x" * 200)
    def long():
        pass

    @flow
    def names():
        odd(), odd(), extract("a"), second(), extract("b"), nothing_left(), long()

    ids = list(runs(names.build()))
    assert ids[:6] == [
        "Extract-rows-x-y",
        "Extract-rows-x-y-2",
        "extract",
        "extract-2",
        "extract-3",
        "task",
    ]
    assert len(ids[6]) == 60
    assert len(set(ids)) == 7


MISUSES = {
    "if output: pass": "has no truth value",
    "for item in output: pass": "cannot be iterated over",
    "[*output]": "cannot be iterated over",
    "output + 1": "cannot be computed with",
    "1 + output": "cannot be computed with",
    "-output": "cannot be computed with",
    "output += 1": "cannot be computed with",
    "f'{output}'": "has no text",
    "str(output)": "has no text",
    "output == 1": "cannot be compared",
    "output < 1": "cannot be compared",
    "1 in output": "cannot be searched",
    "len(output)": "has no length",
    "int(output)": "is not a number",
    "range(output)": "is not a number",
    "open(output)": "is not a path",
    "output()": "cannot be called",
    "output.rows": "has no attribute 'rows' yet",
    "output['rows'] = 1": "cannot be changed",
    "output[1:2]": "can be indexed only with a text key or a number",
    "with output: pass": "is not a context manager",
}


@pytest.fixture
def flow_of(tmp_path):
    """Make a flow from the lines of its body, in a file, so that messages can show the line."""

    def make(body: str):
        file = tmp_path / "misuse.py"
        file.write_text(f"def misuse(n=1):\n    output = extract('a')\n    {body}\n")
        namespace = {"extract": extract, "join": join, "branch": branch}
        exec(compile(file.read_text(), file, "exec"), namespace)
        return flow(namespace["misuse"])

    return make


@pytest.mark.parametrize(("line", "problem"), MISUSES.items())
def test_misuse_of_an_output_names_flow_file_line_and_the_way_out(flow_of, line, problem):
    with pytest.raises(TraceError) as refusal:
        flow_of(line).build()
    message = str(refusal.value)
    assert message.startswith("the output of task 'extract' ")
    assert problem in message
    assert "flow 'misuse'" in message
    assert f"misuse.py:3  {line}" in message
    assert "inside a task" in message


def test_misuse_of_a_parameter_names_the_parameter(flow_of):
    with pytest.raises(TraceError, match="the parameter 'n' has no truth value") as refusal:
        flow_of("if n: pass").build()
    assert refusal.value.parameter == "n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("extract()", "task 'extract' cannot be called so: missing a required argument: 'source'"),
        ("extract('a', colour=1)", "unexpected keyword argument 'colour'"),
        ("extract(object())", "argument 1 of task 'extract': value is of type object"),
        ("join(named={1: 2})", "argument 'named' of task 'join': value has the key 1 (int)"),
        ("join([float('nan')])", "value is nan, which JSON does not have"),
        ("join(wait_for=[3])", "wait_for of task 'join' must be a list of outputs"),
        ("join(wait_for=[extract('a'), n])", "and holds <ParameterValue n>"),
        ("extract(b'x')", "a literal in a flow; make it in a task and use that one's output"),
        (
            "branch(extract('a'), lambda x: x, 1)",
            "then of the branch: <lambda> is to be a function without arguments, or a value: "
            "missing a required argument: 'x'",
        ),
        ("branch(extract('a'), 1, extract)", "otherwise of the branch: extract is to be a"),
    ],
)
def test_calls_that_cannot_be_recorded_are_refused_where_they_stand(flow_of, line, problem):
    with pytest.raises(TraceError) as refusal:
        flow_of(line).build()
    assert problem in str(refusal.value)
    assert f"misuse.py:3  {line}" in str(refusal.value)


def test_a_call_without_its_arguments_is_told_as_what_it_is(flow_of):
    with pytest.raises(TraceError) as refusal:
        flow_of("branch(output)").build()
    assert "branch() missing 1 required positional argument: 'then'" in str(refusal.value)
    assert "misuse.py:3  branch(output)" in str(refusal.value)
    assert str(refusal.value).endswith("Give the call the arguments that the function takes.")


def test_two_tasks_of_one_name_are_refused():
    @task(name="extract")
    def other():
        pass

    @flow
    def clash():
        extract("a")
        other()

    with pytest.raises(TraceError, match="two different tasks are called 'extract'"):
        clash.build()


def test_an_output_of_another_build_is_refused():
    kept = []

    @flow
    def leaky():
        kept.append(extract("a"))
        return join(*kept)

    leaky.build()
    with pytest.raises(TraceError, match="belongs to another build"):
        leaky.build()


def test_what_of_a_policy_is_python_is_in_the_spec_by_name():
    def backoff(attempt):
        return 2.0**attempt

    @task(retries=2, retry_delay_seconds=backoff, on_failure=[print], retry_condition_fn=callable)
    def slow():
        pass

    @flow(retries=1, on_completion=[print])
    def uses_it():
        slow()

    spec = uses_it.build()
    slow_spec = spec.tasks["slow"]
    assert slow_spec.retry_delay_seconds["$callable"].endswith("<locals>.backoff")
    assert (slow_spec.retry_condition, slow_spec.hooks) == ("callable", {"on_failure": ["print"]})
    assert (spec.retries, spec.hooks) == (1, {"on_completion": ["print"]})
    assert FlowSpec.from_json(spec.to_json()) == spec


def test_build_refuses_values_that_fit_no_parameter():
    @flow
    def typed(count: int, source: str = "web"):
        pass

    with pytest.raises(ParameterError, match=r"no parameter 'cuont'; did you mean 'count'\?"):
        typed.build(cuont=1)
    with pytest.raises(ParameterError, match="takes 2 parameters, and 3 were given"):
        typed.build(1, "a", "b")
    with pytest.raises(ParameterError, match="'count' is given twice"):
        typed.build(1, count=1)
    with pytest.raises(ParameterError, match=r"'count' must be int, not 'x' \(str\)"):
        typed.build(count="x")


def test_what_the_body_of_a_flow_raises_is_told_with_its_line():
    @flow
    def typo(n: int):
        return undefined_name(n)  # noqa: F821

    @flow
    def exits():
        raise SystemExit(4)

    with pytest.raises(TraceError) as refusal:
        typo.build()
    assert str(refusal.value).startswith("flow 'typo' raised NameError while it was being traced:")
    assert "test_tracing.py:" in str(refusal.value)
    assert "return undefined_name(n)" in str(refusal.value)
    with pytest.raises(TraceError, match="raised SystemExit"):
        exits.build()


def test_a_misuse_that_was_caught_still_counts():
    @flow
    def swallows(n: int):
        try:
            if n > 2:
                return extract("big")
        except Exception:
            pass
        return extract("small")

    with pytest.raises(TraceError, match="cannot be compared"):
        swallows.build()
    assert len(swallows.build(n=3).task_runs) == 1


def test_a_parameter_that_is_compared_with_none_has_to_be_bound(home):
    @flow
    def defaulting(n: int | None = None):
        if n is None:
            n = 5
        return extract(str(n))

    with pytest.raises(TraceError, match="'n' cannot be compared with None") as refusal:
        defaulting.build()
    assert "if n is None:" in str(refusal.value)
    assert defaulting.build(n=None).task_runs[0].args == ["5"]
    assert defaulting.build(n=7).task_runs[0].args == ["7"]
    with pytest.warns(UserWarning, match="parameter 'n' shapes the graph"):
        assert defaulting.run_local().raise_on_failure().task_runs[0].output["rows"][0] == "5"


def test_other_comparisons_with_none_are_nobodys_business():
    @flow
    def fine(n: int = 1, m: int = 2):
        rows = extract(str(1))
        m = [rows]
        if rows is not None and m is not None:
            return n
        return None

    assert len(fine.build().task_runs) == 1


def test_an_output_that_an_inner_flow_compares_with_none_is_refused_too():
    @flow
    def inner(n=None):
        return extract("none" if n is None else "some")

    @flow
    def outer():
        return inner(extract("a"))

    with pytest.raises(TraceError, match="'n' cannot be compared with None while flow 'inner'"):
        outer.build()


def test_a_task_called_in_a_thread_of_the_flows_own_is_refused_and_does_not_run():
    ran = []

    @task
    def fetch(url):
        ran.append(url)

    @flow
    def pooled():
        with ThreadPoolExecutor() as pool:
            return list(pool.map(fetch, ["a", "b"]))

    @flow
    def forgotten():
        def fetch_all():
            with suppress(TraceError):
                fetch.map(["a"])

        thread = threading.Thread(target=fetch_all)
        thread.start()
        thread.join()

    for careless in (pooled, forgotten):
        with pytest.raises(TraceError, match="task 'fetch' is called in another thread") as refusal:
            careless.build()
        assert "test_tracing.py:" in str(refusal.value)
    assert ran == []


def test_threads_that_were_there_before_and_tasks_of_a_run_may_call_tasks_meanwhile():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(len, "starts the thread").result()

        @flow
        def slow():
            return pool.submit(join, 1).result()

        assert slow.build().outputs == [1]

    @task
    def calling():
        return join(1)

    @flow
    def inner():
        return calling()

    @flow
    def outer():
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(run_in_memory, inner).result().result

    assert outer.build().outputs == [1]


@pytest.mark.parametrize("text", ["{0!r}", "{1}", "{2!r}", "{3!r}"])
def test_the_repr_of_an_output_is_for_people_and_refused_in_an_argument(text):
    @flow
    def telling(day: str):
        first = extract("a")
        made = text.format(first, [first], branch(first, 1, 2), day)
        assert made.startswith(("<", "[<"))
        return join({"note": made})

    with pytest.raises(TraceError, match="was made of what has no value yet; pass that by itself"):
        telling.build()


def test_text_that_only_looks_like_markup_crosses():
    @flow
    def markup():
        return join("<b>TaskOutput</b> < 3")

    assert runs(markup.build())["join"].args == ["<b>TaskOutput</b> < 3"]
