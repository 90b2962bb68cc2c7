"""The worker's protocol: one invocation in, one JSON text or the task's own exception out."""

import json
import time

import pytest

from dagy import RunContext, branch, flow, task
from dagy.code import code_of, load
from dagy.container import call_of
from dagy.errors import (
    BundleError,
    CodecError,
    LimitError,
    OutputTooLargeError,
    ParameterError,
    ProcessDiedError,
    SpecError,
)
from dagy.values import from_text
from dagy.values.artifacts import ArtifactStore
from dagy.worker import handle
from dagy.worker.claims import MAX_TEXT_BYTES
from dagy.worker.verdict import Retry
from tests.flows import isolated_flows


@task
def number(n: int) -> int:
    return n


@task(retries=4)
def attempt(n: int) -> list:
    if n < 0:
        raise KeyError("negative")
    return [n, RunContext.get().attempt, RunContext.get().max_retries]


@task
def big(size: int) -> str:
    return "x" * size


@task
def odd() -> object:
    return object()


@task
def nothing() -> None:
    pass


@flow
def pipeline(n: int = 7):
    first = number(n)
    second = attempt(first)
    return {"second": second, "n": n, "first": first}


@flow
def sizes():
    big(1)
    odd()
    nothing()


SPEC = pipeline.build()


def invoke(spec=SPEC, **payload):
    return json.loads(handle({"dagy": 2, **payload}, spec)["output"])


def test_a_task_run_gets_its_results_and_its_attempt():
    assert invoke(tasks=["attempt"], attempt=3, results={"number": "41"}) == [41, 3, 4]


def test_a_task_run_gets_the_parameters_and_their_defaults():
    assert invoke(tasks=["number"], attempt=1, parameters={"n": 5}) == 5
    assert invoke(tasks=["number"], attempt=1, parameters={}) == 7


def test_without_tasks_the_whole_flow_runs():
    assert invoke(parameters={"n": 2}) == {"second": [2, 1, 4], "n": 2, "first": 2}


def test_return_makes_the_return_value_and_runs_nothing():
    results = {"attempt": '{"big": 9007199254740993}', "number": "[1]"}
    assert invoke(**{"return": True}, results=results, parameters={}) == {
        "second": {"big": 9007199254740993},
        "n": 7,
        "first": [1],
    }


def test_a_failure_is_raised_as_the_tasks_own_exception_after_one_attempt():
    with pytest.raises(KeyError, match="negative"):
        invoke(tasks=["attempt"], attempt=1, results={"number": "-1"})


def test_a_task_that_returns_nothing_puts_out_null():
    assert invoke(sizes.build(), tasks=["nothing"], attempt=1) is None


def test_what_cannot_cross_is_refused():
    with pytest.raises(CodecError, match="task 'odd'"):
        invoke(sizes.build(), tasks=["odd"], attempt=1)


def test_an_output_too_large_to_pass_between_states_is_refused_with_the_numbers():
    @flow
    def large(size: int):
        big(size)

    spec = large.build()
    fits = MAX_TEXT_BYTES - len('"\\"\\""')
    assert len(invoke(spec, tasks=["big"], attempt=1, parameters={"size": fits})) == fits
    with pytest.raises(OutputTooLargeError, match="takes 240,001 bytes, 240,000 can pass"):
        invoke(spec, tasks=["big"], attempt=1, parameters={"size": fits + 1})


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder for what is too large to pass between states, as a bucket would be."""
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))
    return tmp_path


def test_an_output_too_large_is_stored_and_a_claim_on_it_is_handed_on(data):
    @flow
    def large(size: int):
        described(big(size))

    @task
    def described(text: str) -> int:
        return len(text)

    spec = large.build()
    event = {"dagy": 2, "run": "execution-1", "limit": 99}
    answer = handle({**event, "tasks": ["big"], "parameters": {"size": 1_000}}, spec)
    assert list(answer["output"]) == ["claim"]
    assert answer["output"]["claim"].startswith("execution-1/")
    assert len(answer["output"]["claim"]) < 60
    [stored] = (data / "execution-1").iterdir()
    assert json.loads(stored.read_text()) == "x" * 1_000


def test_a_claim_is_taken_for_its_value(data):
    (data / "run").mkdir()
    (data / "run" / "abc").write_text("41")
    results = {"number": {"claim": "run/abc"}}
    assert invoke(tasks=["attempt"], attempt=1, results=results, run="run") == [41, 1, 4]


def test_a_claim_without_a_bucket_is_refused():
    with pytest.raises(BundleError, match="DAGY_BUCKET names none"):
        invoke(tasks=["attempt"], results={"number": {"claim": "run/abc"}}, run="run")


def test_only_what_is_wanted_is_answered():
    event = {"dagy": 2, "parameters": {"n": 3}}
    assert handle({**event, "tasks": ["number"], "want": []}, SPEC)["outputs"] == {}
    both = handle({**event, "tasks": ["number", "attempt"], "want": ["attempt", "number"]}, SPEC)
    assert both["outputs"] == {"o0": "[3,1,4]", "o1": "3"}
    assert both["task_runs"] == ["attempt", "number"]


def test_a_failed_attempt_that_is_followed_by_another_says_when():
    with pytest.raises(Retry) as caught:
        invoke(tasks=["attempt"], attempt=2, decide=True, results={"number": "-1"})
    assert type(caught.value).__name__ == "Dagy.Retry"
    assert json.loads(str(caught.value)) == {
        "attempt": 3,
        "wait": 0,
        "rest": 0.0,
        "error": "KeyError: 'negative'",
    }


def test_the_last_failed_attempt_is_the_tasks_own_failure_also_where_the_worker_decides():
    with pytest.raises(KeyError, match="negative"):
        invoke(tasks=["attempt"], attempt=5, decide=True, results={"number": "-1"})


def rest_once(attempt):
    return 2.05


@flow(retries=1, retry_delay_seconds=rest_once)
def retried_flow():
    return number(1)


def test_the_fraction_of_a_flows_delay_is_waited_by_the_worker_that_decides():
    event = {"dagy": 2, "flow": "failed", "attempt": 1, "error": "KeyError", "cause": "{}"}
    begun = time.monotonic()
    answer = handle(event, retried_flow.build())
    assert (answer["again"], answer["attempt"], answer["wait"]) == (True, 2, 2)
    assert time.monotonic() - begun >= 0.05


def lose(attempt, error="Lambda.Unknown", cause="killed"):
    event = {"tasks": ["attempt"], "attempt": attempt, "decide": True, "results": {"number": "1"}}
    lost = {"Error": error, "Cause": cause}
    return handle({"dagy": 2, **event, "lost": lost}, SPEC)


def test_when_a_worker_is_gone_another_says_what_follows():
    assert lose(1) == {
        "again": True,
        "attempt": 2,
        "wait": 0,
        "rest": 0.0,
        "error": "Lambda.Unknown: killed",
    }
    assert lose(5) == {"again": False, "error": "Lambda.Unknown", "cause": "killed"}


SEEN = []


def is_timeout(error):
    SEEN.append(error)
    return isinstance(error, TimeoutError)


def told(context, state):
    SEEN.append((context.attempt, context.parameters, state.type, state.message))


@task(retries=1, retry_condition_fn=is_timeout, on_failure=[told], on_running=[told])
def watched(n: int) -> int:
    raise AssertionError("a worker that is gone does not run it again")


@flow
def watching():
    watched(1)


def test_parameters_that_leave_no_room_for_results_are_refused():
    spec = pipeline.build()
    event = {"dagy": 2, "tasks": ["number"], "parameters": {"n": 1}, "most": 7}
    assert handle(event, spec)["output"] == "1"
    with pytest.raises(
        LimitError, match="input of this execution takes 7 bytes, and for this flow"
    ):
        handle({**event, "most": 6}, spec)


@pytest.mark.parametrize(
    ("error", "cause", "again"),
    [
        ("States.Timeout", "", True),
        ("Sandbox.Timedout", "", True),
        ("Lambda.Unknown", '{"errorMessage": "Task timed out after 600.00 seconds"}', True),
        ("Lambda.Unknown", "exit status 137", False),
    ],
)
def test_the_condition_and_the_hooks_are_asked_about_a_lost_worker(error, cause, again):
    SEEN.clear()
    event = {"dagy": 2, "tasks": ["watched"], "attempt": 1, "decide": True}
    answer = handle({**event, "lost": {"Error": error, "Cause": cause}}, watching.build())
    assert answer["again"] is again
    assert type(SEEN[0]).__name__ == error
    message = "exit status 137"
    hooked = [] if again else [(1, {"n": 1}, "FAILED", f"{error}: {message}")]
    assert SEEN[1:] == hooked


@flow
def over_a_list():
    return number.map(listed())


@task
def listed() -> list:
    return [5, 6, 7]


def test_a_map_is_counted_and_run_item_by_item():
    spec = over_a_list.build()
    results = {"listed": "[5,6,7]"}
    assert handle({"dagy": 2, "count": "number", "results": results}, spec)["count"] == 3
    assert invoke(spec, tasks=["number"], item=1, attempt=1, results=results) == 6


def test_a_map_of_more_items_than_a_state_can_name_is_refused():
    results = {"listed": json.dumps([0] * 40_001)}
    with pytest.raises(LimitError, match="the map has 40,001 items, and on AWS it may have 40,000"):
        handle({"dagy": 2, "count": "number", "results": results}, over_a_list.build())


def test_an_item_of_many_keeps_its_output(data):
    spec = over_a_list.build()
    event = {"dagy": 2, "run": "r", "tasks": ["number"], "keep": True}
    for item in range(3):
        asked = {**event, "item": item, "results": {"listed": "[5,6,7]"}}
        assert handle(asked, spec) == {}
    kept = {"number": {"claims": "number", "count": 3}}
    assert invoke(spec, **{"return": True}, results=kept, run="r") == [5, 6, 7]


def test_it_runs_again_only_in_an_execution_that_was_redriven_before_it_kept_one(data):
    spec = over_a_list.build()
    event = {"dagy": 2, "run": "r", "tasks": ["number"], "item": 0, "keep": True, "redrives": 1}
    for listed in ("[5]", '["no number, but nobody looks at it"]'):
        assert handle({**event, "results": {"listed": listed}}, spec) == {}
    for again in ({"redrives": 0}, {"redrives": 1, "flow_attempt": 2}):
        with pytest.raises(ParameterError):
            handle({**event, **again, "results": {"listed": '["six"]'}}, spec)


def test_the_first_of_many_items_that_fail_is_why_the_map_fails(data):
    spec = over_a_list.build()
    failed = {"dagy": 2, "run": "r", "failed": "number", "redriven": 0}
    for item, error in enumerate(["States.Timeout", "KeyError"]):
        cause = json.dumps({"errorMessage": f"item {item}"})
        with pytest.raises(Exception, match=f"item {item}") as raised:
            handle({**failed, "item": item, "error": error, "cause": cause}, spec)
        assert type(raised.value).__name__ == error
    surface = {"dagy": 2, "run": "r", "surface": "number", "redriven": 0, "redrives": 0}
    with pytest.raises(Exception, match="item 0") as raised:
        handle(surface, spec)
    assert type(raised.value).__name__ == "States.Timeout"
    assert handle({**surface, "redrives": 1}, spec) == {}
    for another in ({"redriven": 1, "redrives": 1}, {"flow_attempt": 2}):
        with pytest.raises(ProcessDiedError, match="flow 'over_a_list': an item of a map died"):
            handle({**surface, **another}, spec)


@pytest.mark.parametrize("cause", ["gone", '{"errorMessage": "gone", "errorType": "x"}'])
def test_an_error_is_raised_again_until_the_execution_is_redriven(cause):
    told = {"raise": {"error": "Lambda.Unknown", "cause": cause}, "redriven": 1}
    with pytest.raises(Exception, match="^gone$") as raised:
        handle({"dagy": 2, **told, "redrives": 1}, over_a_list.build())
    assert type(raised.value).__name__ == "Lambda.Unknown"
    assert handle({"dagy": 2, **told, "redrives": 2}, over_a_list.build()) == {}


def test_an_item_whose_failure_is_tolerated_leaves_null_and_can_be_told_of_by_its_index(data):
    spec = over_a_list.build()
    event = {"dagy": 2, "run": "r"}
    for item in (0, 2):
        results = {"listed": "[5,6,7]"}
        handle({**event, "tasks": ["number"], "keep": True, "item": item, "results": results}, spec)
    kept = {"number": {"claims": "number", "count": 3}}
    with pytest.raises(FileNotFoundError):  # nobody has said that it failed
        invoke(spec, **{"return": True}, results=kept, run="r")
    told = {"error": "KeyError", "cause": '{"errorMessage": "\'six\'"}'}
    assert handle({**event, "failed": "number", "item": 1, **told}, spec) == {}
    assert invoke(spec, **{"return": True}, results=kept, run="r") == [5, None, 7]
    with pytest.raises(KeyError, match="six"):
        handle({**event, "surface": "number", "item": 1, "redriven": 0, "redrives": 0}, spec)


@pytest.mark.parametrize(
    ("error", "told"), [("Lambda.Unknown", ["FAILED"]), ("ValueError", [])], ids=["lost", "own"]
)
def test_it_is_logged_as_failed_if_its_own_worker_could_not_do_so(data, capsys, error, told):
    event = {"dagy": 2, "run": "r", "failed": "number", "item": 1, "error": error, "cause": ""}
    handle(event, over_a_list.build())
    records = [json.loads(line)["dagy"] for line in capsys.readouterr().out.splitlines()]
    assert [each["state"] for each in records if each["task_run"] == "number[1]"] == told


class PairError(Exception):
    def __new__(cls, one, other):
        return super().__new__(cls, one, other)


@pytest.mark.parametrize("error", [ExceptionGroup("many", [ValueError("a")]), PairError("a", 2)])
def test_an_error_that_nobody_else_can_make_is_raised_by_its_name(error):
    told = {"error": type(error).__name__, "cause": json.dumps({"errorMessage": str(error)})}
    with pytest.raises(Exception) as raised:
        handle({"dagy": 2, "raise": told, "redriven": 0, "redrives": 0}, over_a_list.build())
    assert (type(raised.value).__name__, str(raised.value)) == (type(error).__name__, str(error))


def test_artifacts_of_a_task_with_a_process_of_its_own_reach_other_workers(data):
    spec = isolated_flows.reversing.build()
    letters, last = [run.id for run in spec.task_runs]
    run = {"dagy": 2, "run": "r", "attempt": 1}
    made = handle({**run, "tasks": [letters]}, spec)["output"]
    turned = handle({**run, "tasks": [last], "results": {letters: made}}, spec)["output"]
    assert from_text(turned, ArtifactStore(data / "r" / "artifacts")) == b"cba"


def test_parameters_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="no parameter 'm'"):
        invoke(parameters={"m": 1})
    with pytest.raises(ParameterError, match="'n' must be int"):
        invoke(parameters={"n": "1"})


def test_only_task_runs_of_the_spec_are_run():
    with pytest.raises(SpecError, match="no task run 'os.system'"):
        invoke(tasks=["os.system"], attempt=1)
    with pytest.raises(SpecError, match="must be 2 in an invocation"):
        handle({}, SPEC)


def records(capsys):
    return [json.loads(line)["dagy"] for line in capsys.readouterr().out.splitlines()]


def test_each_transition_is_a_line_of_json_in_the_log(capsys):
    with pytest.raises(KeyError):
        invoke(tasks=["attempt"], attempt=5, results={"number": "-1"}, run="r")
    began, failed = records(capsys)
    assert began.pop("at") <= failed.pop("at")
    assert began == {"run": "r", "task_run": "attempt", "state": "RUNNING", "attempt": 5}
    assert "raise KeyError" in failed["error"].pop("traceback")
    assert failed == {
        "run": "r",
        "task_run": "attempt",
        "state": "FAILED",
        "attempt": 5,
        "error": {"type": "KeyError", "message": "'negative'"},
        "arguments": {"n": 2},
        "code": SPEC.tasks["attempt"].code_hash,
    }


def test_a_failed_attempt_that_is_followed_by_another_says_so_in_the_log(capsys):
    with pytest.raises(Retry):
        invoke(tasks=["attempt"], attempt=2, decide=True, results={"number": "-1"})
    *_, last = records(capsys)
    assert last["state"] == "PENDING"
    assert last["message"] == "attempt 2 of 5 failed; retry in 0 s"


def test_neither_arguments_nor_outputs_are_in_the_log(capsys):
    with pytest.raises(KeyError):
        invoke(parameters={"n": -770077})
    assert "770077" not in capsys.readouterr().out


def test_an_import_path_leads_to_the_function_with_or_without_a_task_around_it():
    assert code_of(load("json:dumps")).fn is json.dumps
    assert code_of(load(f"{__name__}:number")).fn is number.fn


def test_a_call_is_kept_as_it_is_for_the_container_that_is_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))
    call = {"dagy": 2, "tasks": ["number"], "results": {"x": {"claim": "run-1/abc"}}}
    event = {"dagy": 2, "call": call, "key": "calls/number", "run": "run-1"}
    assert handle(event, SPEC) == {}
    given = {"DAGY_CALL": '{"attempt": 2}', "DAGY_CALL_S3": "run-1/calls/number"}
    assert json.loads(call_of(given)) == {**call, "attempt": 2}


@task
def basket(n: int) -> dict:
    return {"rows": [n], "n": n}


@flow
def deciding(n: int = 0):
    found = basket(n)
    some = branch(found["rows"][0], lambda: number(1))
    other = branch(found["rows"][7], lambda: number(2))
    return [some, other, branch(n, lambda: nothing())]


DECIDING = deciding.build()
TRUTHS = [{"task": name, "branch": 0} for name in ("number", "number-2", "nothing")]


@pytest.mark.parametrize("n", [0, 3])
def test_a_call_tells_the_truth_of_what_decides_branches_and_null_where_it_cannot(n):
    event = {"dagy": 2, "tasks": ["basket"], "attempt": 1, "parameters": {"n": n}}
    answer = handle({**event, "truths": TRUTHS}, DECIDING)
    assert answer["truths"] == {"t0": n > 0, "t1": None, "t2": n > 0}
    assert json.loads(answer["output"]) == {"rows": [n], "n": n}
    several = handle({**event, "truths": TRUTHS[:1], "want": ["basket"]}, DECIDING)
    assert several["truths"] == {"t0": n > 0}


def test_a_call_that_is_not_asked_for_a_truth_answers_as_before():
    answer = handle({"dagy": 2, "tasks": ["basket"], "attempt": 1, "parameters": {}}, DECIDING)
    assert answer.keys() == {"output", "task_run"}


def test_what_cannot_be_told_fails_when_it_is_asked_for():
    event = {"dagy": 2, "truth": TRUTHS[1], "results": {"basket": '{"rows":[1]}'}}
    with pytest.raises(LookupError, match=r"there is no \[7\] in output\['rows'\]"):
        handle(event, DECIDING)


def test_of_a_task_run_that_was_skipped_no_truth_is_told():
    @flow
    def within(n: int = 0):
        first = basket(n)
        return branch(
            first["n"], lambda: branch(basket(first["n"])["n"], lambda: nothing(), lambda: odd())
        )

    spec = within.build()
    truths = [{"task": "nothing", "branch": at} for at in (0, 1)]
    event = {"dagy": 2, "tasks": ["basket", "basket-2"], "parameters": {}, "truths": truths}
    answer = handle({**event, "want": ["basket", "basket-2"]}, spec)
    assert answer["outputs"]["o1"] is None
    assert answer["truths"] == {"t0": False, "t1": None}


def test_what_is_stored_under_its_task_run_is_read_by_its_id(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))
    spec = pipeline.build()
    asked = {"dagy": 2, "run": "r", "flow_attempt": 2}
    made = handle({**asked, "tasks": ["number"], "store": ["number"], "parameters": {}}, spec)
    assert made == {"output": "7", "task_run": "number"}
    read = handle({**asked, "tasks": ["attempt"], "attempt": 1, "joined": ["number"]}, spec)
    assert read["output"] == "[7,1,4]"
    with pytest.raises(FileNotFoundError):  # of another attempt of the flow
        handle({**asked, "flow_attempt": 1, "tasks": ["attempt"], "joined": ["number"]}, spec)


def test_what_is_stored_again_under_its_task_run_is_read_anew(tmp_path, monkeypatch):
    # As by a part of a flow that a redrive starts anew, while the worker of a reader is still warm.
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))
    spec = pipeline.build()
    read = {"dagy": 2, "run": "r", "tasks": ["attempt"], "attempt": 1, "joined": ["number"]}
    handle({"dagy": 2, "run": "r", "tasks": ["number"], "store": ["number"]}, spec)
    assert handle(read, spec)["output"] == "[7,1,4]"
    (tmp_path / "r/joined/1/number").write_text("8")
    assert handle(read, spec)["output"] == "[8,1,4]"
