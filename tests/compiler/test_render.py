"""Drawings of a definition; see also golden/."""

import pytest

from dagy.errors import BundleError
from dagy_compiler import compile_flow
from dagy_compiler.render import dot, mermaid, outline
from tests.compiler.cases import CASES, n_shape
from tests.compiler.flows import Flow, output


def test_the_outline_of_nano_says_that_the_flow_is_one_call():
    assert outline(compile_flow(Flow("daily").task("a").returns()).definition()) == (
        "Dagy flow daily, version 1, mode nano: 1 call of the worker in 1 state\n"
        "└─ daily  The whole flow: a · takes the parameters"
    )


@pytest.mark.parametrize("draw", [outline, mermaid, dot])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_task_is_drawn(case, draw):
    spec = case()
    drawn = draw(compile_flow(spec, mode="micro").definition())
    assert all(run.id in drawn for run in spec.task_runs)


@pytest.mark.parametrize(
    ("tolerated", "said"),
    [(None, "for each of 3 items"), (1, "for each of 3 items · some may fail")],
)
def test_a_map_over_a_list_that_stands_in_the_flow(tolerated, said):
    flow = Flow("daily").task("each", [1, 2, 3], map_over=[0], tolerated_failures=tolerated)
    compiled = compile_flow(flow.task("total", output("each")).returns(), mode="micro")
    title, *lines = outline(compiled.definition()).splitlines()
    assert "4 calls of the worker" in title
    assert [line.rstrip() for line in lines] == [
        "├─ each",
        f"│  ╚═ each (item)  {said} · each",
        "└─ total           reads each",
    ]


def test_a_barrier_between_two_parallels_is_a_point_of_its_own():
    drawn = mermaid(compile_flow(n_shape(), mode="micro").definition())
    assert drawn.splitlines() == [
        "flowchart TD",
        '  s0["a"]',
        '  s1["b"]',
        '  s2((" "))',
        '  s3["c<br>reads a, b"]',
        '  s4["d<br>reads b"]',
        "  s0 --> s2",
        "  s1 --> s2",
        "  s2 --> s3",
        "  s2 --> s4",
    ]


def test_text_cannot_break_out_of_a_drawing():
    definition = {
        "QueryLanguage": "JSONata",
        "Comment": 'a "title" \\',
        "StartAt": 'x "<b>"',
        "States": {'x "<b>"': {"Type": "Wait", "Seconds": 1, "End": True}},
    }
    assert r'digraph "a \"title\" \\"' in dot(definition)
    assert r'label="x \"<b>\""' in dot(definition)
    assert '["x #34;#60;b#62;#34;"]' in mermaid(definition)


@pytest.mark.parametrize("draw", [outline, mermaid, dot])
def test_a_name_of_several_lines_stays_on_one(draw):
    definition = {
        "QueryLanguage": "JSONata",
        "Comment": "a\ntitle",
        "StartAt": "x\n  y\x1b[0m",
        "States": {"x\n  y\x1b[0m": {"Type": "Wait", "Seconds": 1, "End": True}},
    }
    drawn = draw(definition)
    assert all(char.isprintable() or char == "\n" for char in drawn)
    assert r"x\n  y\x1b[0m" in drawn.replace("\\\\", "\\")
    assert "  y" not in map(str.lstrip, drawn.splitlines())


@pytest.mark.parametrize("draw", [outline, mermaid, dot])
@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"QueryLanguage": "JSONPath", "StartAt": "a", "States": {}},
        {"QueryLanguage": "JSONata", "StartAt": "a", "States": {"a": {"Type": "Choice"}}},
        {"QueryLanguage": "JSONata", "StartAt": "a", "States": {}},
        {
            "QueryLanguage": "JSONata",
            "StartAt": "a",
            "States": {"a": {"Type": "Pass", "Next": "a"}},
        },
    ],
)
def test_what_is_not_our_definition_is_refused(definition, draw):
    with pytest.raises(BundleError, match="not a state machine that this version of Dagy emits"):
        draw(definition)
