"""Hard limits of AWS that are known when a flow is built, each with its source and date.

Data only. The `limits` pass compares what is emitted with these numbers; `names` and `retry` keep
within theirs while they work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Step Functions developer guide, "Service quotas", read 2026-11.
DEFINITION_BYTES: Final = 1_048_576
"""Size of a definition (1 MB), as it is after CloudFormation has filled in its names."""

HISTORY_EVENTS: Final = 25_000
"""Events in the history of one execution of a Standard workflow."""

STATE_NAME_CHARACTERS: Final = 80
"""Length of the name of a state."""

VARIABLE_NAME_CHARACTERS: Final = 80
"""Length of the name of a variable (developer guide, "Passing data with variables", 2026-11)."""

WAIT_SECONDS: Final = 99_999_999
"""Largest `Seconds` of a Wait and `IntervalSeconds` of a retrier (developer guide, "Wait workflow
state" and "Handling errors in Step Functions workflows", read 2026-11)."""

MAX_ATTEMPTS: Final = 99_999_999
"""Largest `MaxAttempts` of a retrier ("Handling errors in Step Functions workflows", 2026-11)."""

MAX_DELAY_SECONDS: Final = 31_622_399
"""Largest `MaxDelaySeconds` of a retrier: less than 31,622,400 (assumed; not read anew)."""

STATE_BYTES: Final = 262_144
"""Input or output of a state, and what one `Assign` takes ("Service quotas")."""

VARIABLES_BYTES: Final = 10_485_760
"""All variables of an execution together (10 MiB; developer guide, "Passing data between states
with variables", read 2026-11)."""

# Lambda developer guide: a function's name has at most 64 characters, an alias's fewer in practice.
FUNCTION_ARN_CHARACTERS: Final = 170
"""Longest ARN of the worker's function that is plausible: the longest partition and region, a name
of 64 characters, a qualifier of 40. Those of clusters and task definitions are no longer, nor are
the ids of seven subnets."""

# Lambda developer guide, "Lambda quotas", read 2026-11.
UNZIPPED_BYTES: Final = 262_144_000
"""Size of a function's code and layers, unzipped (250 MB)."""

LAMBDA_MEMORY_MB: Final = range(128, 10_240 + 1)
"""Memory of a function. New accounts begin with less, and are raised as they are used."""

LAMBDA_STORAGE_MB: Final = range(512, 10_240 + 1)
"""Size of a function's /tmp."""

LAMBDA_ENVIRONMENT_BYTES: Final = 4_096
"""Environment variables of a function, all names and values."""

LAMBDA_MB_PER_VCPU: Final = 1_769
"""Memory at which a function has the equivalent of one processor (Lambda developer guide,
"Configure Lambda function memory", read 2026-11)."""

LAMBDA_VCPUS: Final = 6
"""Processors of a function with all the memory there is (same page)."""

# ECS developer guide, "Task definition parameters for Fargate", task size, read 2026-11.
FARGATE_MEMORY_MB: Final[dict[float, Sequence[int]]] = {
    0.25: (512, 1_024, 2_048),
    0.5: range(1_024, 4_096 + 1, 1_024),
    1: range(2_048, 8_192 + 1, 1_024),
    2: range(4_096, 16_384 + 1, 1_024),
    4: range(8_192, 30_720 + 1, 1_024),
    8: range(16_384, 61_440 + 1, 4_096),
    16: range(32_768, 122_880 + 1, 8_192),
}
"""Memory that Fargate offers, by processors."""

# ECS developer guide, "Fargate task ephemeral storage", read 2026-11.
FARGATE_STORAGE_GIB: Final = range(21, 200 + 1)
"""Storage that a task definition may ask for."""

FARGATE_GIVEN_STORAGE_GIB: Final = 20
"""Storage that every task has without asking."""

ECS_OVERRIDE_CHARACTERS: Final = 8_192
"""Length of the overrides of one RunTask, as JSON (ECS API reference, "RunTask", 2026-11)."""

ROLE_POLICY_CHARACTERS: Final = 10_240
"""Inline policies of one role together, without white space (IAM user guide, "IAM and STS quotas",
read 2026-11)."""

# CloudFormation user guide, "Understand CloudFormation quotas", read 2026-11.
TEMPLATE_BYTES: Final = 1_048_576
"""Size of a template that is read from S3 (1 MB); 51,200 bytes can be sent inline."""

TEMPLATE_RESOURCES: Final = 500
"""Resources of a template."""

TEMPLATE_PARAMETERS: Final = 200
"""Parameters of a template."""

# Events in the history of an execution, counted in recorded histories on AWS, 2026-11.
EVENTS_OF_EXECUTION: Final = 2
EVENTS_OF_LAMBDA_TASK: Final = 5
EVENTS_OF_SYNC_TASK: Final = 6
EVENTS_OF_TOKEN_TASK: Final = 6
EVENTS_OF_PARALLEL: Final = 4
EVENTS_OF_ITEM: Final = 2
EVENTS_OF_DISTRIBUTED_MAP: Final = 5
EVENTS_OF_OTHER_STATE: Final = 2

# Ours, chosen within the limits of AWS (Lambda: 900 s).
LAMBDA_TIMEOUT_SECONDS: Final = 600
"""What an invocation of the worker's Lambda function may take. The function's timeout, but for a
function whose tasks may take nearly that: theirs is `STARTING_SECONDS` more."""

TASK_TIMEOUT_SECONDS: Final = 660
"""Timeout of a task state: longer than the function's, so that Lambda reports its own timeouts."""

HEARTBEAT_SECONDS: Final = 300
"""Seconds in which a container has to start, and then to say again and again that it lives; ten
times what is between two heartbeats (`dagy.container`)."""

STARTING_SECONDS: Final = 60
"""What a function and a state are given on top of a timeout of the user's, to start a worker in and
to let it report that timeout."""

HANDED_BYTES: Final = 240_000
"""What the values that one state takes in, or puts out, may take together, of `STATE_BYTES`; the
rest is envelope, and the names of the values."""

PARAMETERS_BYTES: Final = HANDED_BYTES // 2
"""What an execution's input may take where a state is given the parameters and results; the results
share the rest. `dagy.worker.invocation` refuses what is larger."""

STORED_BYTES: Final = 10_000_000
"""What the values in variables may take together, of `VARIABLES_BYTES`; the rest is what we count
there beside values: the attempt of a flow, null for what was skipped."""

ENVELOPE_BYTES: Final = 8_000
"""What a call and its answer take beside values and their names: ids, and what Step Functions adds
to the answer of Lambda, which is about 2,000 bytes."""

CLAIM_BYTES: Final = 126
"""What stands for a stored value takes, at most: `{"claim":"<execution>/<hash>"},`, of which the
name of an execution has 80 characters (API reference, "StartExecution"). One that is stored for
other branches has its task run's id in place of the hash."""

TRUTH_BYTES: Final = 5
"""What the truth of a value takes: `true`, `false` or `null`."""

INLINE_ITEMS: Final = 40
"""Items of an inline Map, which runs at most 40 at once (developer guide, "Map state processing
modes", read 2026-11); a map of more is distributed."""

MANY_AT_ONCE: Final = 1_000
"""Items of a distributed map that run at once: Lambda's default for an account and region. Step
Functions would start 10,000 (developer guide, "Map state processing modes", read 2026-11)."""
