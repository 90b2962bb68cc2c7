"""Which calls tell the truth of what decides a branch, and where a worker is asked for it."""

import pytest

from dagy_compiler import compile_flow, describe, estimate, explain
from dagy_compiler.limits import HANDED_BYTES
from dagy_compiler.passes import Split
from dagy_compiler.program import Call, Decide, Fork, every
from tests.compiler.flows import Flow, output, parameter


def program_of(spec, mode="micro", **options):
    return compile_flow(spec, mode=mode, **options).plan.program.body.steps


def told(spec, **options):
    """The variables in which truths are told, one for each branch; None where a worker is asked."""
    return [step.truth for step in every(program_of(spec, **options)) if isinstance(step, Decide)]


def branched(*conditions, flow=None):
    """A flow with a branch on each condition, after a task and a map."""
    flow = flow or Flow("branched")
    flow.task("check", 1).task("each", output("check"), map_over=[0])
    for number, condition in enumerate(conditions):
        flow.task(f"side-{number}", when=[(condition, True)])
    return flow.returns(None)


@pytest.mark.parametrize(
    ("condition", "variable"),
    [
        (output("check"), "r_check_true"),
        (output("check", "rows", 0, "né ${x}"), "r_check_rows_0_ne___x__true"),
        (output("each"), None),
        (output("each", 0), None),
        (parameter("day"), None),  # no call before it is sent the parameters
    ],
)
def test_the_call_that_makes_a_value_tells_its_truth(condition, variable):
    assert told(branched(condition)) == [variable]


def test_a_call_before_the_branch_that_is_sent_the_parameters_tells_theirs():
    flow = Flow("branched")
    flow.task("load", parameter("day"))
    flow.task("side", output("load"), when=[(parameter("day"), True)])
    assert told(flow.returns(None)) == ["r_day_true"]


def test_a_call_on_one_side_tells_nothing_of_the_parameters_after_the_branch():
    flow = Flow("branched")
    flow.task("check").task("side", parameter("day"), when=[(output("check"), True)])
    chosen = {"$branch": output("check"), "then": output("side"), "otherwise": 1}
    flow.task("after", chosen)
    flow.task("last", output("after"), when=[(parameter("day"), True)])
    spec = flow.returns(None)
    assert told(spec) == ["r_check_true", None]


def test_of_one_value_it_is_told_once():
    spec = branched(output("check", "a"), output("check", "b"), output("check", "a"))
    first, second, third = told(spec)
    assert first == third != second
    [check] = [step for step in every(program_of(spec)) if isinstance(step, Call) and step.truths]
    assert check.truths == (("side-0", 0), ("side-1", 0))


def test_the_conditions_of_branches_in_branches_are_found_where_they_stand():
    flow = Flow("branched")
    flow.task("one").task("two")
    both = [(output("one"), True), (output("two", "x"), False)]
    flow.task("side", when=both)
    calls = [step for step in every(program_of(flow.returns(None))) if isinstance(step, Call)]
    assert [call.truths for call in calls] == [(("side", 0),), (("side", 1),), ()]


def test_what_a_fused_call_makes_it_also_tells():
    flow = Flow("branched")
    flow.task("a").task("b", output("a")).task("c", output("b"))
    flow.task("side", when=[(output("c"), True)])
    assert told(flow.returns(None), fuse="chains") == ["r_c_true"]


def test_within_a_call_that_others_share_a_branch_takes_no_state():
    flow = Flow("branched")
    flow.task("check").task("side", when=[(output("check"), True)])
    flow.task("apart", output("side"), executor="lambda", when=[(output("check"), True)])
    assert told(flow.returns(None), mode="small") == ["r_check_true"]


def test_no_key_of_the_users_is_in_what_a_call_is_told():
    flow = Flow("branched").task("check")
    flow.task("side", when=[(output("check", "{% $evil %}", "${x}"), True)])
    states = compile_flow(flow.returns(None), mode="micro").definition()["States"]
    sent = {name: state.get("Arguments", {}).get("Payload", {}) for name, state in states.items()}
    asked = {"task": "side", "branch": 0}
    assert sent["check"]["truths"] == [asked]
    assert [payload["truth"] for payload in sent.values() if "truth" in payload] == [asked]


def test_siblings_of_which_one_decides_keep_a_branch_each():
    flow = Flow("branched")
    flow.task("fetch", 1)
    for number in range(2, 6):
        flow.again(f"fetch-{number}", "fetch", number)
    every_one = ["fetch", *(f"fetch-{n}" for n in range(2, 6))]
    flow.task("total", [output(name) for name in every_one])
    flow.task("side", output("total"), when=[(output("fetch-3"), True)])
    spec = flow.returns(None)
    assert told(spec) == ["r_fetch_3_true"]
    [fork] = [step for step in program_of(spec) if isinstance(step, Fork)]
    assert [len(branch.yields) for branch in fork.branches] == [1, 1, 2, 1, 1]
    assert compile_flow(spec, mode="micro").definition()["States"][
        "fork: fetch, fetch-2, fetch-3, +2"
    ]


@pytest.mark.parametrize(("siblings", "variable"), [(3, "r_day_true"), (4, None)])
def test_for_a_parameter_siblings_stay_one_map(siblings, variable):
    flow = Flow("branched").task("fetch", parameter("day"), 0)
    for number in range(2, siblings + 1):
        flow.again(f"fetch-{number}", "fetch", parameter("day"), number)
    flow.task("total", after=["fetch", *(f"fetch-{n}" for n in range(2, siblings + 1))])
    flow.task("side", output("total"), when=[(parameter("day"), True)])
    assert told(flow.returns(None)) == [variable]


def test_a_truth_takes_no_share_of_what_values_may_take():
    spec = branched(output("check"))
    limits = [step.limit for step in every(program_of(spec)) if isinstance(step, Call)]
    assert limits[0] is None  # it may take all of HANDED_BYTES
    assert estimate(compile_flow(spec, mode="micro").plan).largest_payload.size == HANDED_BYTES + 5


def test_a_branch_is_one_transition_and_two_where_a_worker_is_asked():
    made, called = Flow("branched").task("check"), Flow("branched")
    called.service(
        "check", "sns:publish", TopicArn="arn:aws:sns:eu-west-1:123456789012:team", Message="x"
    )
    found = []
    for flow in (made, called):
        flow.task("side", when=[(output("check"), True)])
        found.append(estimate(compile_flow(flow.returns(None), mode="micro").plan).transitions)
    assert found == [4, 5]


def test_the_program_says_who_tells_and_where():
    text = describe(compile_flow(branched(output("check")), mode="micro").plan, "dataflow")
    assert "check, tells 1 truth -> r_check, r_check_true = own truth 0" in text
    assert "decide by check, told in r_check_true, reads r_check" in text


def test_the_input_is_looked_at_where_no_call_is_sent_the_parameters():
    flow = Flow("branched")
    flow.parameters = [{"name": "full", "required": False, "default": True, "accepts": ["boolean"]}]
    flow.task("side", when=[(parameter("full"), True)])
    spec = flow.returns(None)
    assert told(spec) == [None]
    plan = compile_flow(spec, mode="micro").plan
    assert estimate(plan).transitions == 3  # a Choice, the side, and the end
    states = list(plan.machine.states)
    assert states[:3] == ["branch: full", "branch: full, ask", "side"]
    [_, note, *_] = explain(plan).states
    assert (note.state, note.does) == (
        "branch: full, ask",
        "asks a worker: whether full is true",
    )


def test_an_estimate_looks_into_parts():
    flow = Flow("branched")
    flow.task("check")
    for number in range(30):
        flow.task(f"side-{number}", when=[(output("check", number), True)])
    plan = Split(definition_bytes=8_000)(compile_flow(flow.returns(None), mode="micro").plan)
    assert plan.parts
    assert estimate(plan).largest_payload.size > HANDED_BYTES // 2
