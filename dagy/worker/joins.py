"""Joins across branches, in DynamoDB: where those meet that `dagy.worker.meeting` brings together.

An item is the record of one join in one attempt of the flow of one execution. What a task has made
is not in it: that is stored in the bucket before anyone is told, under a key that its readers know.
"""

from __future__ import annotations

import json
import os
import time
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dagy.errors import BundleError
from dagy.worker.claims import FOLDER
from dagy.worker.meeting import Meeting, Place, Told, Update, Waits, updated

TABLE = "DAGY_JOINS_TABLE"
"""The environment variable that names the table."""

KEPT_SECONDS = 30 * 24 * 3600
"""How long an item stays after its last update; longer than any state waits (29 days)."""

GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
"""What Step Functions says of a token by which nobody waits any more (API reference,
"SendTaskSuccess", read 2026-11)."""


def place() -> Place:
    """Return where the joins of this worker's flow meet.

    Raises:
        BundleError: there is no such place.
    """
    return _place(os.environ.get(TABLE), os.environ.get(FOLDER))


@cache
def _place(table: str | None, folder: str | None) -> Place:
    if table:
        return Table(table)
    if folder:
        return Board(Path(folder) / "_joins")
    raise BundleError(f"{TABLE} names no table; deploy the stack again")


class Table:
    """A table of DynamoDB, and Step Functions.

    Args:
        name: of the table.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def update(self, key: str, update: Update) -> Meeting | None:
        """See `Place.update`: one UpdateItem, which DynamoDB makes as a whole or not at all."""
        names = {"#told": "told", "#token": "token", "#since": "since", "#expires": "expires"}
        values: dict[str, Any] = {":expires": {"N": str(int(time.time()) + KEPT_SECONDS)}}
        match update:
            case Told(by=by):
                change, condition = "SET #expires = :expires ADD #told :told", None
                values[":told"] = {"SS": [by]}
            case Waits(token=token, since=since):
                change = "SET #expires = :expires, #token = :token, #since = :since"
                condition = "attribute_not_exists(#since) OR #since <= :since"
                values |= {":token": {"S": token}, ":since": {"N": str(since)}}
        used = change + (condition or "")
        try:
            found = self._dynamodb.update_item(
                TableName=self._name,
                Key={"id": {"S": key}},
                UpdateExpression=change,
                ExpressionAttributeNames={k: v for k, v in names.items() if k in used},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **({} if condition is None else {"ConditionExpression": condition}),
            )["Attributes"]
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        waits = Waits(found["token"]["S"], int(found["since"]["N"])) if "token" in found else None
        return Meeting(frozenset(found.get("told", {"SS": ()})["SS"]), waits)

    def send(self, token: str) -> None:
        """See `Place.send`."""
        from botocore.exceptions import ClientError

        try:
            self._stepfunctions.send_task_success(taskToken=token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise

    @cached_property
    def _dynamodb(self) -> Any:
        return _client("dynamodb")

    @cached_property
    def _stepfunctions(self) -> Any:
        return _client("stepfunctions")


def _client(service: str) -> Any:
    import boto3  # Lambda's runtime has it; a flow without joins does without
    from botocore.config import Config

    return boto3.client(service, config=Config(retries={"mode": "standard", "max_attempts": 10}))


class Board:
    """A folder in their place, where there is no AWS. A token is sent by a file of its name.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def update(self, key: str, update: Update) -> Meeting | None:
        """See `Place.update`."""
        import fcntl

        self._path.mkdir(parents=True, exist_ok=True)
        with (self._path / quote(key, safe="")).open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            meeting = updated(_read(file.read()), update)
            if meeting is not None:
                file.truncate(0)
                file.write(_written(meeting))
        return meeting

    def send(self, token: str) -> None:
        """See `Place.send`."""
        sent = self._path / "sent"
        sent.mkdir(parents=True, exist_ok=True)
        (sent / quote(token, safe="")).touch()


def _written(meeting: Meeting) -> str:
    waits = None if meeting.waits is None else [meeting.waits.token, meeting.waits.since]
    return json.dumps({"told": sorted(meeting.told), "waits": waits})


def _read(text: str) -> Meeting:
    if not text:
        return Meeting()
    found = json.loads(text)
    waits = None if found["waits"] is None else Waits(*found["waits"])
    return Meeting(frozenset(found["told"]), waits)
