"""Hard limits of AWS that are known when a flow is built, each with its source and date.

Data only. The `limits` pass compares what is emitted with these numbers; `names` and `retry` keep
within theirs while they work.
"""

from __future__ import annotations

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

# Lambda developer guide: a function's name has at most 64 characters, an alias's fewer in practice.
FUNCTION_ARN_CHARACTERS: Final = 170
"""Longest ARN of the worker's function that is plausible: the longest partition and region, a name
of 64 characters, a qualifier of 40."""

# Lambda developer guide, "Lambda quotas", read 2026-11.
UNZIPPED_BYTES: Final = 262_144_000
"""Size of a function's code and layers, unzipped (250 MB)."""

# CloudFormation user guide, "Understand CloudFormation quotas", read 2026-11.
TEMPLATE_BYTES: Final = 1_048_576
"""Size of a template that is read from S3 (1 MB); 51,200 bytes can be sent inline."""

# Events in the history of an execution, counted in recorded histories on AWS, 2026-11.
EVENTS_OF_EXECUTION: Final = 2
EVENTS_OF_LAMBDA_TASK: Final = 5
EVENTS_OF_SYNC_TASK: Final = 6
EVENTS_OF_PARALLEL: Final = 4
EVENTS_OF_ITEM: Final = 2
EVENTS_OF_DISTRIBUTED_MAP: Final = 5
EVENTS_OF_OTHER_STATE: Final = 2

# Ours, chosen within the limits of AWS (Lambda: 900 s).
LAMBDA_TIMEOUT_SECONDS: Final = 600
"""Timeout of the worker's Lambda function."""

TASK_TIMEOUT_SECONDS: Final = 660
"""Timeout of a task state: longer than the worker's, so that Lambda reports its own timeouts."""

STARTING_SECONDS: Final = 60
"""What a state with a timeout of the user's is given on top, to start a worker in and to let it
report its own timeout."""

HANDED_BYTES: Final = 240_000
"""What the values that one state takes in, or puts out, may take together, of 262,144 bytes (Step
Functions service quotas, read 2026-11); the rest is envelope."""

INLINE_ITEMS: Final = 40
"""Items of an inline Map, which runs at most 40 at once (developer guide, "Map state processing
modes", read 2026-11); a map of more is distributed."""

MANY_AT_ONCE: Final = 1_000
"""Items of a distributed map that run at once: Lambda's default for an account and region. Step
Functions would start 10,000 (developer guide, "Map state processing modes", read 2026-11)."""
