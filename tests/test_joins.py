"""Where joins across branches meet does what the protocol says, in DynamoDB and in a folder."""

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from dagy.aws.lasting import lasting_of, remove_all
from dagy.aws.target import Target
from dagy.errors import BundleError
from dagy.worker.joins import Board, Table, place
from dagy.worker.meeting import Meeting, Told, Waits, updated

UPDATES = st.lists(
    st.builds(Told, st.sampled_from(["a", "b", "été-2"]))
    | st.builds(Waits, st.sampled_from(["t1", "t2"]), st.integers(0, 3)),
    max_size=6,
)


@pytest.fixture(scope="module")
def table():
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("dynamodb").create_table(
            TableName="joins",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield Table("joins")


@pytest.fixture(params=["table", "board"])
def meeting_place(request, tmp_path):
    if request.param == "table":
        return request.getfixturevalue("table")
    return Board(tmp_path)


KEYS = iter(range(10_000_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(UPDATES)
def test_updates_are_those_of_the_protocol(meeting_place, updates):
    key, record = f"run-{next(KEYS)}/1/join", Meeting()
    for update in updates:
        expected = updated(record, update)
        assert meeting_place.update(key, update) == expected
        record = record if expected is None else expected


def test_an_item_expires(table):
    table.update("run/1/kept", Told("a"))
    [item] = [
        item
        for item in boto3.client("dynamodb").scan(TableName="joins")["Items"]
        if item["id"] == {"S": "run/1/kept"}
    ]
    assert int(item["expires"]["N"]) > 1_700_000_000


def test_a_token_by_which_nobody_waits_is_no_trouble(meeting_place):
    meeting_place.send("t1")


def test_without_a_place_a_worker_says_what_to_do(monkeypatch):
    monkeypatch.delenv("DAGY_JOINS_TABLE", raising=False)
    monkeypatch.delenv("DAGY_DATA_DIR", raising=False)
    with pytest.raises(BundleError, match="deploy the stack again"):
        place()


def test_a_table_that_outlives_its_stack_is_found_again_and_removed(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        target = Target(region="us-east-1")
        dynamodb = target.client("dynamodb")
        for name, stack in (("dagy-daily-JoinTable-1", "dagy-daily"), ("dagy-daily-2", "other")):
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                Tags=[{"Key": "dagy:stack", "Value": stack}],
            )
        left = list(lasting_of(target, "dagy-daily"))
        assert [(each.kind, each.name) for each in left] == [("table", "dagy-daily-JoinTable-1")]
        remove_all(left)
        there = dynamodb.list_tables()["TableNames"]
        assert "dagy-daily-2" in there
        assert "dagy-daily-JoinTable-1" not in there
