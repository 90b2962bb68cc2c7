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
EVENTS_OF_PARALLEL: Final = 4
EVENTS_OF_OTHER_STATE: Final = 2

# Ours, chosen within the limits of AWS (Lambda: 900 s).
LAMBDA_TIMEOUT_SECONDS: Final = 600
"""Timeout of the worker's Lambda function."""

TASK_TIMEOUT_SECONDS: Final = 660
"""Timeout of a task state: longer than the worker's, so that Lambda reports its own timeouts."""

RETRY_SEGMENTS: Final = 32
"""Task states that one task may unroll into for delays that a native Retry cannot express."""
