"""An error that has ended an item of a map, or the execution: stored, and raised by another worker.

It surfaces under its own name and with its own message. An item that failed stores why; whoever is
asked to raise that, or an error that the state machine has caught, does so until the execution has
been redriven, and then lets it go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.errors import ProcessDiedError
from dagy.interpreter import Failure
from dagy.spec import FlowSpec
from dagy.worker.claims import Claims, failure_key, first_failure_key, prefix_of
from dagy.worker.verdict import message_of, remade


def failure_of(event: Mapping[str, Any]) -> Failure:
    """Return why an item failed, as its state has caught it."""
    return Failure(event["error"], message_of(event["cause"]), "")


def give_up(spec: FlowSpec, event: Mapping[str, Any], claims: Claims) -> None:
    """Store why an item of a map failed, and raise it unless that may be tolerated.

    Args:
        spec: the flow.
        event: `failed`, the map; `item`, its index; `error` and `cause`; `redriven` unless failures
            are tolerated: how often the execution was redriven before.
        claims: where it is stored.
    """
    failure = failure_of(event)
    kept = json.dumps({"error": failure.type, "message": failure.message})
    prefix = prefix_of(event["failed"], event.get("flow_attempt"))
    if "redriven" not in event:
        claims.keep(failure_key(prefix, event["item"]), kept)
        return
    first = first_failure_key(prefix, event["redriven"])
    if not claims.has(first):
        claims.keep(first, kept)
    raise remade(failure.type, failure.message, spec)


def surface(spec: FlowSpec, event: Mapping[str, Any], claims: Claims) -> None:
    """Raise an error that has ended an item or the execution, unless it was redriven since that.

    Args:
        spec: the flow.
        event: `raise`, the error, or `surface`, the map whose item stored it: `item`, or else the
            one that failed first; `redrives`, how often the execution was redriven till now, and
            `redriven`, how often it had been when the error came.
        claims: where it is stored.
    """
    if event["redrives"] > event["redriven"]:
        return
    if "raise" in event:
        raise remade(event["raise"]["error"], message_of(event["raise"]["cause"]), spec)
    prefix = prefix_of(event["surface"], event.get("flow_attempt"))
    if "item" in event:
        raise _kept(spec, claims, failure_key(prefix, event["item"]))
    raise _kept(spec, claims, first_failure_key(prefix, event["redriven"]))


def _kept(spec: FlowSpec, claims: Claims, key: str) -> BaseException:
    try:
        kept = json.loads(claims.kept(key))
        return remade(kept["error"], kept["message"], spec)
    except Exception as error:  # as each storage says that it has no such key
        raise ProcessDiedError(
            f"flow {spec.name!r}: an item of a map died before it could say why "
            f"(nothing is stored as {key!r})"
        ) from error
