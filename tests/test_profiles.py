"""Profiles: what they hold, how they are kept, and which of all that is said holds."""

import os
import stat
import threading

import pytest

from dagy.aws.target import find_target
from dagy.errors import ProfileError
from dagy.profiles import Config, Profile, Store, api_token, effective
from dagy.profiles.plain_yaml import parse

AWS_VARIABLES = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in [*AWS_VARIABLES, *(name for name in os.environ if name.startswith("DAGY_AWS"))]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(config_dir):
    return Store.find()


def keep(store, default=None, **profiles):
    store.write(Config(default, {name: Profile(**values) for name, values in profiles.items()}))


def test_what_is_written_is_read_again(store):
    keep(store, "a", a={"region": "eu-central-1", "tags": {"team": "Daten & Söhne"[:5]}}, b={})
    config = store.read()
    assert config.default == "a"
    assert config.profiles["a"].region == "eu-central-1"
    assert config.profiles["a"].tags == {"team": "Daten"}
    assert config.profiles["b"] == Profile()


def test_without_a_file_there_are_no_profiles_and_no_target(store):
    assert store.read() == Config()
    assert find_target() is None


def test_the_first_profile_is_the_default_one(store):
    config = Config().with_profile("a", Profile()).with_profile("b", Profile())
    assert config.default == "a"
    assert config.without("a").default is None
    assert config.without("b").default == "a"


@pytest.mark.parametrize(
    ("option", "variables", "named", "expected"),
    [
        ("eu-north-1", {"DAGY_AWS_REGION": "eu-west-2"}, "b", "eu-north-1"),
        (None, {"DAGY_AWS_REGION": "eu-west-2", "AWS_REGION": "us-east-1"}, "b", "eu-west-2"),
        (None, {"AWS_REGION": "us-east-1"}, "b", "eu-west-1"),
        (None, {"AWS_REGION": "us-east-1", "DAGY_PROFILE": "b"}, None, "eu-west-1"),
        (None, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, None, "us-east-1"),
        (None, {"AWS_DEFAULT_REGION": "us-east-2"}, None, "us-east-2"),
        (None, {}, None, "eu-central-1"),
    ],
)
def test_option_then_environment_then_profile_then_default(
    store, monkeypatch, option, variables, named, expected
):
    keep(store, "a", a={"region": "eu-central-1"}, b={"region": "eu-west-1"})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    target = find_target(profile=named, region=option)
    assert target is not None
    assert target.region == expected


def test_it_is_told_who_says_what_holds(store, monkeypatch):
    keep(store, "a", a={"region": "eu-central-1", "execution_mode": "micro"})
    monkeypatch.setenv("DAGY_ARTIFACT_BUCKET", "my-bucket")
    found = effective(aws_profile="work")
    assert found.sources == {
        "aws_profile": "option",
        "bucket": "DAGY_ARTIFACT_BUCKET",
        "execution_mode": "profile a",
        "region": "profile a",
    }


def test_a_named_profile_is_not_completed_by_the_default_one(store):
    keep(store, "prod", prod={"region": "eu-central-1", "bucket": "prod-bucket"}, dev={})
    assert effective("dev").values == Profile()
    assert find_target(profile="dev") is None


def test_a_target_has_the_bucket_and_the_tags_of_its_profile(store):
    keep(store, "a", a={"aws_profile": "work", "bucket": "my-bucket", "tags": {"team": "data"}})
    target = find_target()
    assert target is not None
    assert (target.aws_profile, target.bucket, target.tags) == (
        "work",
        "my-bucket",
        {"team": "data"},
    )


def test_tags_of_the_environment(monkeypatch):
    monkeypatch.setenv("DAGY_TAGS", "team=data, cost=42")
    assert effective().values.tags == {"team": "data", "cost": "42"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profiles: {a: {regoin: x}}", "profile has no 'regoin'; did you mean 'region'?"),
        ("profiels: {}", "there is no 'profiels'; did you mean 'profiles'?"),
        ("profiles: {a: {region: Frankfurt}}", "profiles.a: region: 'Frankfurt' is no AWS region"),
        ("profiles: {a: {region: 1}}", "region: Input should be a valid string"),
        ("profiles: {a: {api_url: 'https://me:pw@x.org'}}", "no user and no password"),
        ("profiles: {a: {api_url: 'file:///etc/passwd'}}", "write an address"),
        ("profiles: {a: {bucket: My_Bucket}}", "no name of an S3 bucket"),
        ("profiles: {a: {execution_mode: nanno}}", "did you mean 'nano'?"),
        ("profiles: {a: {tags: {'aws:x': y}}}", "not yours"),
        ("profiles: {a: {tags: {x: '${y}'}}}", "letters, digits, spaces"),
        ("profiles: {'../a': {}}", "a profile cannot be called '../a'"),
        ("default: b\nprofiles: {bb: {}}", "there is no profile 'b'; did you mean 'bb'?"),
        ("profiles: [a]", "profiles must hold names with values"),
        ("just text", "the file must hold names with values"),
        ("profiles: {a: {}}\nprofiles: {}", ":2: the key 'profiles' stands twice"),
        ("profiles: {1: {}}", ":1: the key 1 is not text"),
        ("profiles: {a: }}", ":1: "),
        ("profiles: {a: !!python/object/apply:os.system [id]}", ":1: could not determine"),
    ],
)
def test_what_is_wrong_in_the_file_is_told(store, config_dir, text, told):
    config_dir.mkdir()
    store.config_path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as raised:
        store.read()
    assert told in str(raised.value)
    assert "config.yaml" in str(raised.value) or "profile" in str(raised.value)


def test_an_unknown_profile_is_refused_with_the_nearest(store):
    keep(store, "production", production={})
    with pytest.raises(ProfileError, match="no profile 'prodution'; did you mean 'production'"):
        effective("prodution")


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("DAGY_EXECUTION_MODE", "tiny")
    with pytest.raises(ProfileError, match="DAGY_EXECUTION_MODE: execution_mode: there is no"):
        effective()


BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "aliases"),
        ("a: &a [*a]", "aliases"),
        ("[" * 10_000, "levels deep"),
        ("a: " * 1 + "{b: " * 500, "levels deep"),
    ],
)
def test_yaml_that_swells_or_nests_is_refused_before_it_does(text, told):
    with pytest.raises(ProfileError, match=told):
        parse(text, "config.yaml")


def test_a_huge_file_is_not_read(store, config_dir):
    config_dir.mkdir()
    store.config_path.write_bytes(b"#" * 300_000)
    with pytest.raises(ProfileError, match="larger than"):
        store.read()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_tokens_are_kept_where_nobody_else_reads(store):
    keep(store, "a", a={})
    store.set_token("a", "s3cret")
    assert mode(store.credentials_path) == 0o600
    assert mode(store.folder) & 0o077 == 0
    assert "s3cret" not in store.config_path.read_text()
    assert api_token("a") == ("s3cret", "profile a")
    store.set_token("a", None)
    assert "s3cret" not in store.credentials_path.read_text()


def test_a_token_that_others_may_read_is_not_used(store):
    store.set_token("a", "s3cret")
    store.credentials_path.chmod(0o644)
    with pytest.raises(ProfileError, match="chmod 600") as raised:
        api_token("a")
    assert "s3cret" not in str(raised.value)


def test_a_token_of_the_environment_comes_first(store, monkeypatch):
    store.set_token("a", "kept")
    monkeypatch.setenv("DAGY_API_TOKEN", "given")
    assert api_token("a") == ("given", "DAGY_API_TOKEN")


def test_what_is_wrong_among_the_tokens_is_told_without_them(store):
    store.set_token("a", "kept")
    store.credentials_path.write_text("a: {api_tokn: s3cret}")
    with pytest.raises(ProfileError) as raised:
        api_token("a")
    assert "s3cret" not in str(raised.value)


def test_changes_at_once_are_all_kept(store):
    def add(name):
        with store.changing():
            store.write(store.read().with_profile(name, Profile()))

    threads = [threading.Thread(target=add, args=(f"p{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read().profiles) == 20
    assert {path.name for path in store.folder.iterdir()} == {"config.yaml", ".lock"}


def test_a_folder_that_cannot_be_written_is_told(config_dir):
    config_dir.write_text("a file")
    with pytest.raises(ProfileError, match="DAGY_CONFIG_DIR"):
        Store.find().write(Config())
