"""`dagy doctor`: what it finds of the machine and of an account, and that it always answers."""

import json
import os
import threading
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from dagy.aws.target import Target
from dagy.doctor import Level, account, examine
from dagy.doctor.account import Identity
from dagy.doctor.examination import in_time
from dagy.doctor.finding import ok
from dagy.errors import ProfileError

NO_AWS = {
    name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DAGY_AWS_"))
}
NOBODY = NO_AWS | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
                   "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}  # fmt: skip


def by_name(findings):
    return {finding.name: finding for finding in findings}


@pytest.fixture
def somebody(monkeypatch, ministack):
    """Credentials for an account of an emulator."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return ministack


def test_an_account_is_looked_at(somebody, home):
    found = by_name(examine(lambda: Target(region="eu-central-1")))
    assert found["region"].found == "eu-central-1"
    assert "account 000000000000" in found["credentials"].found
    assert found["clock"].level is Level.OK
    assert found["artifact bucket"].found.endswith("the first deployment makes it")
    assert found["CDK bootstrap"].level is Level.WARN
    assert "bootstrap aws://000000000000/eu-central-1" in found["CDK bootstrap"].advice
    assert "Lambda concurrency" in found


def test_what_is_there_is_seen(somebody, home):
    somebody.client("s3").create_bucket(Bucket="doctors-bucket")
    parameter = "/cdk-bootstrap/hnb659fds/version"
    ssm = somebody.client("ssm")
    ssm.put_parameter(Name=parameter, Value="30", Type="String")
    try:
        found = by_name(examine(lambda: Target(region="us-east-1", bucket="doctors-bucket")))
    finally:  # other tests deploy to this server, and would do it by the CDK
        ssm.delete_parameter(Name=parameter)
    assert found["artifact bucket"] == ok("artifact bucket", "doctors-bucket")
    assert found["CDK bootstrap"] == ok("CDK bootstrap", "version 30")


def test_a_region_is_asked_for(somebody, home, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[profile work]\n")
    found = by_name(examine(lambda: Target(aws_profile="work")))
    assert found["region"].level is Level.FAIL
    assert "dagy config set region" in found["region"].advice


def test_without_a_target_only_the_machine_is_looked_at(dagy):
    done = dagy("doctor", "--json", env=NOBODY)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["ok"] is True
    assert [check["name"] for check in told["checks"]][-1] == "AWS target"


def test_without_credentials_it_fails_and_says_what_to_do(dagy):
    done = dagy("doctor", "--region", "eu-central-1", env=NOBODY)
    assert done.returncode == 1
    assert "fail  credentials" in done.stdout
    assert "aws sso login" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_wrong_profile_is_a_finding(home):
    def find():
        raise ProfileError("there is no profile 'x'")

    assert by_name(examine(find))["profile"].level is Level.FAIL


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, "ok"), (-40, "warn"), (40, "warn"), (-400, "fail"), (400, "fail")]
)
def test_the_clock_is_compared_with_that_of_aws(ahead, level):
    assert account.clock(Identity("1", "arn", ahead)).level == level


def test_the_time_is_taken_from_the_answer():
    date = format_datetime(datetime.now(UTC), usegmt=True)
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    assert abs(account._skew(answer)) < 60


def test_root_is_warned_of():
    assert account.credentials(Identity("1", "arn:aws:iam::1:root", 0)).level is Level.WARN


def test_a_low_limit_and_a_full_store_are_warned_of():
    limit = {"ConcurrentExecutions": 10, "TotalCodeSize": 100}
    assert account._concurrency(limit).level is Level.WARN
    assert account._code(limit, {"TotalCodeSize": 81}).level is Level.WARN


def test_a_check_that_hangs_is_left_behind():
    never = threading.Event()

    def hang():
        never.wait()
        raise AssertionError

    found = by_name(in_time({"slow": hang, "quick": lambda: ok("quick", "")}, seconds=0.5))
    assert found["quick"].level is Level.OK
    assert found["slow"].level is Level.FAIL
    assert "no answer" in found["slow"].found


def test_a_check_that_breaks_hides_nothing():
    def broken():
        raise KeyError("x")

    found = by_name(in_time({"broken": broken, "fine": lambda: ok("fine", "")}))
    assert found["broken"].level is Level.FAIL
    assert found["fine"].level is Level.OK
