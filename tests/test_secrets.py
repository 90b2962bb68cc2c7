"""Secrets among the parameters of a flow are shown nowhere, and reach the tasks that need them."""

import contextlib
import io
import json
import logging
import traceback
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from pydantic import BaseModel, SecretBytes, SecretStr

from dagy import flow, task
from dagy.code import code_of
from dagy.errors import ParameterError, RunFailedError
from dagy.history import Home, find_run
from dagy.interpreter import execute
from dagy.masking import MASK, Mask
from dagy.testing import run_in_memory
from dagy.values import from_text, to_text
from dagy.values.artifacts import ArtifactStore
from dagy.worker import handle
from dagy_compiler import compile_flow
from tests.compiler.stacks import of_type, plainly, stack_of
from tests.interpreter.recording import Recorder

PRESET = SecretStr("x")
TOKEN = 's3cr"et/ä-' + "0123456789" * 9


@task
def length(token: SecretStr) -> int:
    return len(token.get_secret_value())


@task(retries=1, retry_delay_seconds=0)
def leaks(token: str, how: str) -> dict:
    match how:
        case "message":
            raise ValueError(f"401 for {token}")
        case "repr":
            raise KeyError(token)
        case "cause":
            raise RuntimeError("no luck") from ValueError([token])
        case "print":
            print("calling with", token)
            logging.getLogger("client").warning("token %s", token)
            raise ValueError(f"401 for {token}")
        case "output":
            return {"header": f"Bearer {token}"}


@task
def counts(token: int) -> None:
    pass


@flow
def calls(token: SecretStr, how: str):
    return [length(token), leaks(token, how)]


@flow
def mistaken(token: SecretStr):
    counts(token)


def everything_recorded(home):
    return "".join(
        path.read_bytes().decode("latin-1") for path in Path(home).rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("how", ["message", "repr", "cause", "print", "output"])
def test_a_secret_is_in_no_file_and_no_message_of_a_run(home, how):
    run = calls.run_local(token=SecretStr(TOKEN), how=how)
    assert run.task_runs["length"].output == len(TOKEN)
    assert "0123456789" not in everything_recorded(home)
    assert json.loads(find_run(Home.find(), run.run_id).parameters)["token"] == MASK
    if how == "output":
        assert run.result[1] == {"header": f"Bearer {TOKEN}"}
    else:
        assert "0123" not in f"{run.error}"
        with pytest.raises(RunFailedError, match=r"no luck|401 for \*{10}|\*{10}") as failure:
            run.raise_on_failure()
        assert "0123" not in f"{failure.value}{failure.value.__notes__}"


def test_what_does_not_fit_is_told_without_the_value(home):
    error = run_in_memory(mistaken, token=TOKEN).error
    assert "argument 'token' must be int, not '" + MASK in error.message
    assert "0123" not in error.message + error.traceback
    with pytest.raises(ParameterError, match="must be SecretStr, not what was given"):
        run_in_memory(mistaken, token=[123])


def test_a_secret_may_be_bytes():
    @flow
    def opens(key: SecretBytes):
        return length(key)

    assert run_in_memory(opens, key=SecretBytes(b"123")).result == 3


class Login(BaseModel):
    user: str
    password: SecretStr


@task
def logs_in(login: Login, more: list[SecretStr]) -> list:
    assert login.password.get_secret_value() == TOKEN
    raise ValueError(f"{login.user} {login.password.get_secret_value()} {len(more)}")


@flow
def guarded(login: Login, more: list[SecretStr] | None = None):
    return logs_in(login, more)


@pytest.mark.parametrize("login", [Login(user="ann-at-home", password=TOKEN), None])
def test_a_parameter_that_has_a_secret_in_it_is_one(home, login):
    given = login or {"user": "ann-at-home", "password": TOKEN}
    run = guarded.run_local(login=given, more=[SecretStr("another-one")])
    assert run.error.message == f"{MASK} {MASK} 1"
    assert "0123456789" not in everything_recorded(home)
    assert "another-one" not in everything_recorded(home)
    with pytest.raises(ParameterError, match="'login' must be Login: .*, not what was given") as no:
        guarded.run_local(login={"user": TOKEN}, more=[])
    assert TOKEN not in str(no.value)


def test_a_secret_is_never_part_of_a_spec():
    with pytest.raises(ParameterError, match="'token' is a secret and cannot be bound"):
        calls.build(token=TOKEN)
    assert calls.build().parameters[0]["secret"] is True

    @flow
    def preset(token: SecretStr = PRESET):
        pass

    with pytest.raises(ParameterError, match="the default of parameter 'token': a secret cannot"):
        preset.build()


class Kept(dict):
    """A cache in memory."""

    def get(self, key, now):
        return dict.get(self, key)

    def put(self, key, text, expires_at):
        self[key] = text


def test_a_result_with_a_secret_in_it_is_not_cached():
    @task(cache=True)
    def header(token: str) -> str:
        return f"Bearer {token}"

    @task(cache=True)
    def size(token: str) -> int:
        return len(token)

    @flow
    def both(token: SecretStr):
        return [header(token), size(token)]

    cache = Kept()
    traced = both.trace({})
    codes = {name: code_of(found) for name, found in traced.tasks.items()}
    execute(traced.spec, codes.__getitem__, {"token": TOKEN}, sink=Recorder(), cache=cache)
    assert list(cache.values()) == [str(len(TOKEN))]


KEPT = "ssm:/dagy/calls/token"
"""Where the token is kept on AWS."""


@task
def plain(day: str) -> str:
    return day


@task(memory_mb=2048)
def unlocks(token: SecretStr, day: str) -> str:
    return f"{day}: {len(token.get_secret_value())}"


@flow
def opening(token: SecretStr, day: str):
    return [plain(day), unlocks(token, plain("first"))]


@pytest.fixture
def kept(monkeypatch):
    """AWS with the token in Parameter Store."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        boto3.client("ssm").put_parameter(
            Name="/dagy/calls/token", Value=TOKEN, Type="SecureString"
        )
        yield


def test_the_workers_log_shows_no_secret(kept):
    log = io.StringIO()
    with contextlib.redirect_stdout(log), pytest.raises(Exception, match="401 for"):
        handle({"dagy": 2, "parameters": {"token": KEPT, "how": "message"}}, calls.build())
    assert "401 for " + MASK in log.getvalue()
    assert "0123" not in log.getvalue()


@pytest.mark.parametrize(
    ("how", "error"), [("message", "ValueError"), ("repr", "KeyError"), ("cause", "RuntimeError")]
)
def test_what_the_worker_raises_shows_no_secret_and_keeps_the_name_of_the_error(kept, how, error):
    with pytest.raises(Exception) as raised:
        handle({"dagy": 2, "parameters": {"token": KEPT, "how": how}}, calls.build())
    assert raised.type.__name__ == error
    text = "".join(traceback.format_exception(raised.value))
    assert "0123" not in text
    assert "in leaks" in text


def test_a_worker_is_told_where_a_secret_is_and_refuses_the_secret_itself(kept):
    def refused(token):
        with pytest.raises(ParameterError) as caught:
            handle({"dagy": 2, "parameters": {"token": token, "how": "none"}}, calls.build())
        assert "0123" not in str(caught.value)
        return str(caught.value)

    assert "give where it is kept: 'secretsmanager:NAME'" in refused(TOKEN)
    assert "give where it is kept" in refused({"a": TOKEN})
    message = refused("ssm:/dagy/calls/gone")
    assert "the secret for parameter 'token' cannot be read from ssm:/dagy/calls/gone" in message


@flow
def several(tokens: list[SecretStr], login: Login):
    return enter(tokens, login)


@task
def enter(tokens: list[SecretStr], login: Login) -> str:
    if not tokens:
        raise PermissionError(f"{login.password.get_secret_value()} is not enough")
    return f"{login.user}: {len(tokens)}"


def test_what_has_a_secret_in_it_is_kept_as_json(kept, capsys):
    ssm = boto3.client("ssm")

    def entered(tokens):
        for name, value in (("tokens", tokens), ("login", {"user": "eva", "password": TOKEN})):
            where = f"/dagy/several/{len(tokens)}/{name}"
            ssm.put_parameter(Name=where, Value=json.dumps(value), Type="SecureString")
        given = {name: f"ssm:/dagy/several/{len(tokens)}/{name}" for name in ("tokens", "login")}
        return handle({"dagy": 2, "parameters": given}, several.build())

    assert entered(["one", "two"])["output"] == '"eva: 2"'
    with pytest.raises(Exception, match="is not enough") as refusal:
        entered([])
    assert refusal.type.__name__ == "PermissionError"
    assert str(refusal.value) == f"{MASK} is not enough"
    assert "0123" not in capsys.readouterr().out


def test_a_worker_may_read_the_secrets_below_the_name_of_its_flow_and_no_others():
    plan = compile_flow(calls.build()).plan
    role = of_type(plainly(stack_of(plan)), "AWS::IAM::Role")["WorkerRole"]
    text = json.dumps(role["Policies"])
    assert ":secret:dagy/calls/*" in text
    assert ":parameter/dagy/calls/*" in text


def reading(plan):
    """The functions whose role may read secrets that parameters name."""
    resources = stack_of(plan)["Resources"]
    return {
        name
        for name, function in resources.items()
        if function["Type"] == "AWS::Lambda::Function"
        and ":secret:dagy/"
        in json.dumps(resources[function["Properties"]["Role"]["Fn::GetAtt"][0]])
    }


def test_only_functions_whose_tasks_read_a_secret_may_read_it():
    spec = opening.build()
    [function] = reading(compile_flow(spec, mode="micro").plan)
    assert function.startswith("WorkerFunction2048Mb")
    [whole] = reading(compile_flow(spec, mode="nano").plan)
    assert whole.startswith("WorkerFunction")


def test_the_function_that_is_asked_may_read_a_secret_that_it_is_asked_about():
    returned = replace(opening.build(), outputs={"$param": "token"})
    asked = reading(compile_flow(returned, mode="micro").plan)
    assert sorted(name.startswith("WorkerFunction2048Mb") for name in asked) == [False, True]
    hooked = replace(opening.build(), hooks={"on_failure": 1})
    assert len(reading(compile_flow(hooked, mode="micro").plan)) == 2


def test_a_worker_reads_the_secrets_that_its_tasks_read_and_no_others(kept):
    spec = opening.build()
    gone = {"token": "ssm:/dagy/opening/gone", "day": "monday"}
    answer = handle({"dagy": 2, "tasks": ["plain"], "parameters": gone}, spec)
    assert answer["output"] == '"monday"'
    reading = {"dagy": 2, "tasks": ["unlocks"], "parameters": gone}
    with pytest.raises(ParameterError, match="parameter 'token' cannot be read from ssm:"):
        handle(reading | {"results": {"plain-2": '"first"'}}, spec)
    with pytest.raises(ParameterError, match="give where it is kept"):
        handle({"dagy": 2, "tasks": ["plain"], "parameters": gone | {"token": TOKEN}}, spec)


@given(st.text(min_size=1), st.text(), st.text())
def test_masked_text_holds_no_secret_and_masked_output_is_json(secret, before, after):
    mask = Mask([secret])
    if not set(secret) & set(MASK) and secret not in before + after:
        assert secret not in mask(before + secret + after)
    json.loads(mask.output(json.dumps([before + secret + after, 12345, {secret: None}])))


def test_what_looks_like_a_mark_is_told_from_one_in_masked_output_too(tmp_path):
    store = ArtifactStore(tmp_path)
    text = to_text([{"$artifact": "hunter2!"}, b"x", {"$codec": 1}], store)
    masked = from_text(Mask(["hunter2!"]).output(text), store)
    assert masked == [{"$artifact": MASK}, b"x", {"$codec": 1}]


def test_the_lines_of_a_key_are_secrets_each():
    key = "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\nSwA=\r\n-----END KEY-----\n"
    mask = Mask([key])
    assert mask(key) == MASK
    assert mask(repr(key)) == f"'{MASK}'"
    assert [mask(line) for line in key.splitlines()] == [MASK, MASK, "SwA=", MASK]


@pytest.mark.parametrize("shown", [str, repr, json.dumps])
def test_a_secret_is_known_however_its_odd_characters_are_written(shown):
    secret = "0123456789abcdefghij\\\"ä'" + "klmnopqrst"
    assert "klm" not in Mask([secret])(shown(secret))
    assert "hij" not in Mask([secret])(shown(secret)[:-4])


def test_a_long_secret_is_known_by_its_beginning():
    mask = Mask([TOKEN])
    assert mask(f"<{TOKEN}>") == f"<{MASK}>"
    assert mask(f"<{TOKEN[:40]}...>") == f"<{MASK}...>"
    assert mask("nothing") == "nothing"
    assert not Mask([])
    assert not Mask([""])
