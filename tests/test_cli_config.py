"""`dagy config`, as a user or a script meets it."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def config(dagy):
    def run(*arguments, input=""):
        return dagy("config", *arguments, input=input)

    return run


def done(result):
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(result):
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_profile_is_made_changed_used_and_deleted(config):
    done(config("init", "dev", "--region", "eu-west-1"))
    done(config("init", "prod", "--region", "eu-central-1", "--tag", "team=data"))
    done(config("set", "execution_mode", "micro", "--profile", "prod"))
    done(config("use", "prod"))
    listed = json.loads(done(config("list", "--json")))
    assert listed == [
        {"name": "dev", "default": False, "region": "eu-west-1"},
        {
            "name": "prod",
            "default": True,
            "region": "eu-central-1",
            "execution_mode": "micro",
            "tags": {"team": "data"},
        },
    ]
    assert "to delete the profile dev, say --yes" in refused(config("delete", "dev"))
    done(config("delete", "dev", "--yes"))
    assert "prod" in done(config("list"))
    assert "dev" not in done(config("list"))


def test_what_holds_is_shown_with_who_says_so(config, monkeypatch):
    done(config("init", "dev", "--region", "eu-west-1"))
    monkeypatch.setenv("DAGY_AWS_REGION", "eu-north-1")
    shown = json.loads(done(config("show", "--json")))
    assert shown["profile"] == "dev"
    assert shown["values"]["region"] == "eu-north-1"
    assert shown["sources"]["region"] == "DAGY_AWS_REGION"


def test_a_token_is_given_on_the_standard_input_and_never_shown(config, config_dir):
    done(config("init", "dev"))
    told = refused(config("set", "api_token", "s3cret"))
    assert "s3cret" not in told
    done(config("set", "api_token", "-", input="s3cret\n"))
    shown = done(config("show")) + done(config("show", "--json")) + done(config("list", "--json"))
    assert "s3cret" not in shown
    assert json.loads(done(config("show", "--json")))["has_api_token"] is True
    assert "s3cret" in (config_dir / "credentials.yaml").read_text()
    done(config("delete", "dev", "--yes"))
    assert "s3cret" not in (config_dir / "credentials.yaml").read_text()


def test_a_key_is_unset(config):
    done(config("init", "dev", "--region", "eu-west-1"))
    done(config("set", "region", "--unset"))
    assert json.loads(done(config("list", "--json"))) == [{"name": "dev", "default": True}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "regin", "x"], "did you mean 'region'?"),
        (["set", "region"], "say what region is to be"),
        (["set", "region", "Mars"], "no AWS region"),
        (["set", "tags", "team"], "write key=value"),
        (["set", "region", "eu-west-1", "--profile", "dv"], "did you mean 'dev'?"),
        (["use", "prod"], "no profile 'prod'"),
        (["init", "dev"], "there is a profile 'dev' already"),
        (["show", "prod"], "no profile 'prod'"),
    ],
)
def test_mistakes_are_told_in_one_message(config, arguments, told):
    done(config("init", "dev"))
    assert told in refused(config(*arguments))


def test_without_a_profile_it_is_told_how_to_make_one(config):
    assert "dagy config init" in done(config("list"))
    assert "dagy config init" in refused(config("set", "region", "eu-west-1"))
    assert "no profile" in done(config("show"))


def test_the_path_is_printed_for_other_programs(config, config_dir):
    assert done(config("path")) == f"{config_dir / 'config.yaml'}\n"
