"""Tells a webhook, such as Slack's, of alarms.

The text of this file is the code of a function in the stack, so it imports nothing of Dagy's. The
address is a secret: the function is told where it is kept, and reads it there.
"""

import json
import os
import urllib.request
from typing import Any


def handler(event: dict[str, Any], _context: object) -> None:
    """Tell of each notification."""
    for record in event["Records"]:
        body = json.dumps({"text": said(record["Sns"])}).encode()
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(address(os.environ["WEBHOOK"]), body, kind)
        urllib.request.urlopen(request, timeout=10).close()


def said(notification: dict[str, str]) -> str:
    """Return a notification of SNS as people read it."""
    message = notification["Message"]
    try:
        alarm = json.loads(message)
        return f"{alarm['NewStateValue']}: {alarm['AlarmDescription']}\n{alarm['NewStateReason']}"
    except (ValueError, KeyError, TypeError):
        return message


def address(reference: str) -> str:
    """Return the address that is kept in Parameter Store or Secrets Manager."""
    import boto3

    service, _, name = reference.partition(":")
    client = boto3.client(service)
    if service == "ssm":
        kept = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    else:
        kept = client.get_secret_value(SecretId=name)["SecretString"]
    return str(kept)
