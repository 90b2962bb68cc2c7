"""Whatever users write, wherever they may: it is data in all that is generated, and never code.

What evaluates: Step Functions strings of a definition that are `{% ... %}`; CloudFormation `Ref` and
`Fn::...` in all properties, `${...}` in definitions and in `Fn::Sub`, and `{{resolve:...}}`
anywhere.
"""

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagy import aws_task, flow, task
from dagy.errors import BundleError, CompileError, ScheduleError, SettingsError
from dagy_compiler import compile_flow
from dagy_compiler.artifact import FlowSource
from dagy_compiler.bundle_files import files_of
from dagy_compiler.label import stack_name_of
from dagy_compiler.settings import Settings, settings_of
from dagy_compiler.templates import render_file
from tests.compiler.stacks import stack_of

MARK = "ZQX"
"""In every text of the user's, and in nothing of Dagy's."""

TOPIC = "arn:aws:sns:eu-west-1:123456789012:team"

HOSTILE = [
    f"{{% ${MARK} %}}",
    f"${{{MARK}}}",
    f"${{AWS::AccountId}}{MARK}",
    f"{{{{resolve:secretsmanager:{MARK}}}}}",
    f"{{{{{{{{{MARK}",
    f"{{{{ {MARK}.__class__ }}}}",
    f"{{% import '{MARK}' %}}",
    f"'\"\\{MARK}\r\n\t\u2028",
    f"$states.context.{MARK}",
    f"../../{MARK}/..\\{MARK}",
    f"Fn::Sub{MARK}",
    MARK * 400,
    f"{MARK}\x1b[31m\u202e",
]

texts = st.builds(
    "{}{}{}".format,
    st.text(alphabet="{}%$\"'\\:&[] \n\tafé", max_size=8),
    st.just(MARK),
    st.text(alphabet="{}%$\"'\\:&[] \n\tafé", max_size=8),
)


def written(text):
    """A flow with a text wherever users write text."""

    @task(name=text, description=text)
    def work(value):
        return value

    @flow(name=text, description=text)
    def whole(day=text, Ref=text):
        first = work({"Ref": Ref, text: [text, day]})
        told = aws_task(
            "sns:publish",
            TopicArn=TOPIC,
            Message={"value": first, "text": text, "list": [text]},
            Subject=text,
        )
        evaluated = {"Ref": text, text: {"Fn::Sub": text, text: [{"Ref": "AWS::AccountId"}]}}
        aws_task("sns:publish", TopicArn=TOPIC, Message=evaluated, wait_for=[told])
        return {"Ref": [first, told]}

    return whole.build(version=text)


def keys(value):
    """Every key of JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield key
        if isinstance(item, dict | list):
            yield from keys(item)


def everything(value, path=()):
    """Every key and every string of JSON, with the keys that lead there."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, path
            yield from everything(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from everything(item, path)
    elif isinstance(value, str):
        yield value, path


def code_of(expression):
    """A JSONata expression without its texts, and without variables, whose names are made of ids."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|\$r\d*_[A-Za-z0-9_]+', "", expression)


def check_definition(definition, substitutions):
    assert set(re.findall(r"\$\{(.*?)\}", json.dumps(definition))) <= substitutions
    assert not any(str(key) == "Ref" or str(key).startswith("Fn::") for key in keys(definition))
    for text, _ in everything(definition):
        if "{%" in text or "%}" in text:
            assert text.startswith("{%")
            assert text.endswith("%}")
            assert MARK not in code_of(text)
            assert not any(mark in text[2:-2] for mark in ("{%", "%}"))


def check_template(stack):
    definitions = []
    for resource in stack["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definitions.append(
                (properties.pop("Definition"), set(properties["DefinitionSubstitutions"]))
            )
    for text, path in everything([stack, [each for each, _ in definitions]]):
        assert "{{" not in text
        if path and (path[-1] in {"Ref", "Fn::Sub", "Fn::GetAtt"}):
            names = re.findall(r"\$\{(.*?)\}", text) if path[-1] == "Fn::Sub" else [text]
            assert not any(MARK in name for name in names)
    for definition, substitutions in definitions:
        check_definition(definition, substitutions)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("mode", ["nano", "micro", "medium"])
def test_what_a_user_writes_stays_data(text, mode):
    check_template(
        stack_of(compile_flow(written(text), mode=mode).plan, dashboard=True, alarms=True)
    )


@given(texts)
@example("{ZQX{")
@example("$ZQX$")
def test_no_text_becomes_an_expression(text):
    check_template(stack_of(compile_flow(written(text), mode="micro").plan, dashboard=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_files_for_people_hold_names_as_text(text):
    compiled = compile_flow(written(text), mode="medium")
    files = files_of(compiled, FlowSource(Path(), ()), python_version="3.12")
    assert MARK not in "".join(files)
    called = [
        node.value
        for node in ast.walk(ast.parse(files["app.py"]))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MARK in node.value
    ]
    assert all(re.fullmatch("[A-Za-z0-9-]+", each) for each in called)
    assert MARK not in files["Dockerfile"].decode()


@given(texts)
def test_a_stack_has_a_name_that_cloudformation_takes(text):
    assert re.fullmatch("[A-Za-z][A-Za-z0-9-]{0,127}", stack_name_of(text))
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9-]{0,15}", text):
        with pytest.raises(BundleError, match="environment"):
            stack_name_of("flow", text)


@given(texts)
def test_what_is_filled_into_a_generated_file_is_not_a_template(text):
    rendered = render_file("app.py", stack_name=text)
    [called] = [
        node.value
        for node in ast.walk(ast.parse(rendered))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MARK in node.value
    ]
    assert called == text


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "tags"])
@given(text=texts)
def test_no_setting_takes_what_could_be_evaluated(name, text):
    if re.search(r"[{}$%\"'\\\n]", text):
        for value in (text, [text]):
            with pytest.raises((SettingsError, ScheduleError)):
                settings_of({name: value})


@given(texts, texts)
def test_no_tag_takes_what_could_be_evaluated(key, value):
    try:
        tags = settings_of({"tags": {key: value}}).tags
    except SettingsError:
        return
    assert not re.search(r"[{}$%\"'\\\n]", "".join([*tags, *tags.values()]))


@pytest.mark.parametrize("text", [*HOSTILE, f"{{{{resolve:ssm:{MARK}}}}}"])
def test_a_variable_that_cloudformation_would_replace_is_refused_and_others_are_data(text):
    @task(environment={"GREETING": text})
    def work():
        return None

    @flow
    def whole():
        return work()

    if "{{resolve:" in text:
        with pytest.raises(CompileError, match="CloudFormation"):
            compile_flow(whole.build(), mode="micro")
        return
    stack = stack_of(compile_flow(whole.build(), mode="micro").plan)
    [function] = [
        each["Properties"]
        for each in stack["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function" and "GREETING" in str(each)
    ]
    # A plain string of a property: `${...}` is replaced in `Fn::Sub` only.
    assert function["Environment"]["Variables"]["GREETING"] == text
