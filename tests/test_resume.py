"""Resuming: what of a recorded run is used again, and what is told of a flow that has changed."""

import pytest

from dagy import branch, flow, task
from dagy.errors import ResumeError
from dagy.resume import Recorded, differences, reusable


def build(**functions):
    """A flow of three tasks in a chain beside a fourth; their code is given as text."""
    code = {"a": "return 1", "b": "return x", "c": "return x", "d": "return 4", **functions}
    made = {}
    for name, body in code.items():
        namespace = {}
        exec(f"def {name}(x=None):\n    {body}", namespace)
        made[name] = task(namespace[name])

    def chain(x):
        return [made["c"](made["b"](made["a"](x))), made["d"]()]

    return made, flow(name="chain")(chain).build()


OUTPUTS = {"a": "1", "b": "1", "d": "4"}


def test_what_succeeded_is_used_again():
    _, spec = build()
    assert reusable(Recorded("r1", spec, {}, OUTPUTS), spec, {}, force=False) == OUTPUTS


def test_what_has_changed_is_refused_with_all_of_the_differences():
    _, before = build()
    made, _ = build(b="return x + 1")

    @flow(name="chain")
    def changed(x):
        return [made["c"](made["b"](made["a"](5))), made["a"](x)]

    with pytest.raises(ResumeError) as refusal:
        reusable(Recorded("r1", before, {}, OUTPUTS), changed.build(), {}, force=False)
    text = str(refusal.value)
    assert text.startswith("run r1 cannot be resumed, because flow 'chain' has changed since:")
    for line in (
        "~ the code of task 'b'",
        "- task run 'd' is gone",
        "+ task run 'a-2' (test_resume.py:",
        "~ task run 'a' (test_resume.py:",
        "is called with (5), was ({'$param': 'x'})",
        "~ the flow returns something else",
    ):
        assert line in text
    assert "--force" in text


def test_another_parameter_is_a_change_of_what_reads_it():
    _, spec = build()
    recorded = Recorded("r1", spec, {"x": 1}, OUTPUTS)
    with pytest.raises(ResumeError, match="~ parameter 'x' is 2, was 1"):
        reusable(recorded, spec, {"x": 2}, force=False)
    assert reusable(recorded, spec, {"x": 2}, force=True) == {"d": "4"}


def test_with_force_what_a_change_touches_runs_again_and_the_rest_is_used():
    _, before = build()
    _, after = build(b="return x + 1")
    assert reusable(Recorded("r1", before, {}, {**OUTPUTS, "c": "1"}), after, {}, force=True) == {
        "a": "1",
        "d": "4",
    }


def test_a_changed_policy_is_no_change():
    @task
    def fetch():
        return 1

    @flow
    def single():
        return fetch()

    before = single.build()
    eager = fetch.with_options(retries=3, timeout_seconds=60)

    @flow(name="single")
    def other():
        return eager()

    assert list(differences(before, other.build())) == []


def test_items_of_a_map_that_did_not_end_are_used_again():
    @task
    def numbers():
        return [1, 2]

    @task
    def double(n):
        return 2 * n

    @flow
    def mapped():
        return double.map(numbers())

    spec = mapped.build()
    outputs = {"numbers": "[1,2]", "double[1]": "4"}
    assert reusable(Recorded("r", spec, {}, outputs), spec, {}, force=False) == outputs
    assert reusable(Recorded("r", spec, {}, {"double[1]": "4"}), spec, {}, force=False) == {}


def test_a_join_is_used_again_though_one_side_of_its_branch_was_skipped():
    @task
    def value(n):
        return n

    @flow
    def choosing():
        return value(branch(value(1), lambda: value(2), lambda: value(3)))

    spec = choosing.build()
    outputs = {"value": "1", "value-2": "2", "value-4": "2"}
    recorded = Recorded("r", spec, {}, outputs, frozenset({"value-3"}))
    assert reusable(recorded, spec, {}, force=False) == outputs
