"""The worker: what a Lambda function or a container of a deployed flow runs.

It holds the flow's own FlowSpec (`_dagy/flow.json` beside the code) and runs only tasks that this
spec names, through the same interpreter as the laptop. An invocation says which part:

    {"dagy": 2, "tasks": ["extract-2"], "attempt": 1,
     "parameters": {...}, "results": {"extract": "<JSON text>"}}

| besides `tasks` | |
|---|---|
| `want` | ids whose outputs are answered, as `outputs.o0` ...; else the last one's, as `output` |
| `attempt` | make just this attempt; without it, all that the policy allows |
| `decide` | a failed attempt that is to be retried is raised as `Dagy.Retry`, and says when |
| `rest` | seconds to wait before the attempt: the fraction that a Wait state cannot wait |
| `item` | of a map, the index of the item to run |
| `keep` | store the output of the item under its index, and answer nothing |
| `redrives` | how often the execution was redriven: then what an item has stored is left as it is |
| `truths` | what decides branches: whether each is true is answered, as `truths.t0` ..., or null |
| `inline` | ids whose outputs may not be stored, because a service is given them |
| `run`, `limit` | the execution, and the bytes an output may take: what is larger is stored |
| `most` | the bytes that the parameters may take, because they are passed beside results |
| `joined` | ids of earlier task runs whose outputs are stored under them, and not in `results` |
| `store` | ids whose outputs are stored so |
| `flow_attempt` | which attempt of the flow, where there may be several and it is stored by that |

Instead of `tasks`: `count` asks how many items a map has, `truth` whether a value is true, `return`
makes the flow's return value from the results, `lost` says that a worker died and asks what
follows, `failed` stores why an item failed, and raises it unless that may be tolerated, `surface`
raises what an item stored, and `raise` an error, unless the execution was redriven since that (more
`redrives` than `redriven`; `surfacing` has these), `call` stores a call under a `key` for the
container that is to make it (`dagy.container`), `tell` stores what a task run has made and tells
those that wait for it in other branches, `await` says by which token a task run waits for others
(`crossing` has these), and `flow` tells of the flow as a whole (`verdict` has it). With none of
them the whole flow runs.

Values travel as text because the expressions of a state machine would bend them (numbers past 2^53,
lists of one, odd keys); `claims` says how large ones travel. A failure is raised as the task's own
exception, so that its class is the error's name in Step Functions.

Standard library and Dagy's spec and interpreter only: this is what a cold start imports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from dagy.environment import without_secrets
from dagy.errors import BundleError, SpecError
from dagy.spec import FlowSpec
from dagy.worker.code import EXPECTED, SPEC_FILE, check_code
from dagy.worker.failures import short
from dagy.worker.invocation import Invocation
from dagy.worker.verdict import Retry

PROTOCOL = 2


def lambda_handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one invocation of the flow this code was deployed with.

    Args:
        event: the payload; see the module.
        context: Lambda's own, unused.

    Raises:
        Exception: whatever the task raised.
        ParameterError: the execution's input does not fit the flow.
        SpecError: the invocation is not of this protocol, or names a task run that is not there.
    """
    del context
    return answered(event, deployed_spec())


def answered(event: Mapping[str, Any], spec: FlowSpec) -> dict[str, Any]:
    """Do what an invocation asks for, as `handle`; what is raised is fit to leave the worker."""
    try:
        return handle(event, spec)
    except Retry:
        raise  # what it says is short, shows no secret, and is read by an expression
    except BaseException as error:
        # What it came from may show a secret too, or be long.
        raise short(without_secrets(error)) from None


@cache
def deployed_spec() -> FlowSpec:
    """Return the FlowSpec that was deployed with this code, once it is sure that it was.

    Raises:
        BundleError: the code is not what was deployed.
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    if EXPECTED in os.environ:
        check_code(root, os.environ[EXPECTED])
    try:
        with open(os.path.join(root, SPEC_FILE), "rb") as file:
            return FlowSpec.from_json(file.read())
    except OSError as error:
        raise BundleError(f"the artifact has no {SPEC_FILE}: {error}; build it again") from error


def handle(event: Mapping[str, Any], spec: FlowSpec) -> dict[str, Any]:
    """Do what an invocation asks for; return the answer."""
    if event.get("dagy") != PROTOCOL:
        raise SpecError("dagy", f"must be {PROTOCOL} in an invocation; it is {event.get('dagy')!r}")
    return Invocation(spec, event).answer()
