"""FlowSpec, TaskSpec and TaskRunSpec: plain, frozen, JSON-serialisable."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

SCHEMA_VERSION = 3

EPOCH = "1970-01-01T00:00:00+00:00"
"""The `created_at` of a spec whose bytes must not depend on when it was built."""


@dataclass(frozen=True)
class TaskSpec:
    """What is the same for every call of one task within a flow.

    Attributes:
        name: the task's name, its key in `FlowSpec.tasks`.
        import_path: where the worker finds the function, as `package.module:function`.
        description: for people; the docstring's text unless given.
        default_executor: "lambda", "ecs" or "step-functions"; None lets the mode decide.
        retries: how often a failed attempt is followed by another; 0 is one attempt in all.
        retry_delay_seconds: seconds before each retry (number), before retry k (list, the last
            item repeats), None for no delay, or `{"$callable": name}` for a function that the
            worker finds on the task.
        timeout_seconds: limit of one attempt, in seconds.
        concurrency_limit: how many runs of this task may be under way at once.
        retry_jitter_factor: f in `delay * (1 + U(0, f))`.
        validate_parameters: whether arguments are checked against the annotations.
        source: file name and line of the definition, for messages.
        retry_condition: name of the `retry_condition_fn`, which the worker finds on the task.
        hooks: names of the hooks, by `on_running`, `on_completion`, `on_failure` and `on_retry`.
        isolation: "process" for attempts in a process of their own; None for a thread.
        serializer: "pickle" where what the task returns is pickled; None for JSON and artifacts.
        cache: `{}` to use recorded outputs of the same code and arguments, with `"seconds"` for how
            long, and `"$callable"` naming a key function; None for never.
        code_hash: SHA-256, in hex, of the function's source.
        expected_seconds: how long a run is likely to take; None where nobody has said.
        memory_mb: memory that it needs, in MB; None lets the mode decide, here and below.
        vcpu: processors that it needs.
        ephemeral_storage_mb: disk that it needs, in MB.
        environment: environment variables, by name.
        secrets: where the values of further environment variables are kept, by name:
            `secretsmanager:NAME`, `secretsmanager:ARN` or `ssm:/NAME`.
        architecture: "x86_64" or "arm64".
        service: what Step Functions does itself for this task, with no worker; None for a task that
            a worker runs. `{"kind": "aws", "resource": "glue:startJobRun.sync"}` calls a service
            with the keyword arguments, and the task token where `"token_at"`, a list of paths into
            them, says; `{"kind": "sleep"}` has `seconds`, `{"kind": "sleep_until"}` has `time`, and
            `{"kind": "approval"}` has `message` and at most one of `topic`, `queue` and
            `event_bus`. Neither has hooks, a condition or a delay that is a function.
        tolerated_failures: how many items of a map of this task may fail for good, as an integer,
            or what share of them, as a fraction; None for none.
    """

    name: str
    import_path: str
    description: str | None
    default_executor: str | None
    retries: int
    retry_delay_seconds: Any | None
    timeout_seconds: float | None
    concurrency_limit: int | None
    retry_jitter_factor: float | None = None
    validate_parameters: bool = True
    source: str | None = None
    retry_condition: str | None = None
    hooks: dict[str, list[str]] = field(default_factory=dict)
    isolation: str | None = None
    serializer: str | None = None
    cache: dict[str, Any] | None = None
    code_hash: str | None = None
    expected_seconds: float | None = None
    memory_mb: int | None = None
    vcpu: float | None = None
    ephemeral_storage_mb: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    architecture: str | None = None
    service: dict[str, Any] | None = None
    tolerated_failures: float | None = None


@dataclass(frozen=True)
class TaskRunSpec:
    """One call of a task in a flow.

    Attributes:
        id: unique in the flow, deterministic, readable: `extract`, `extract-2`.
        task_name: key into `FlowSpec.tasks`.
        depends_on: ids of earlier task runs that must succeed first, in the order of mention.
        args: positional arguments as JSON with references (see `dagy.spec.references`).
        kwargs: keyword arguments, likewise.
        executor: overrides the task's executor for this call.
        source: file name and line of the call, for messages.
        map_over: arguments that are lists, of which each item is a task run of its own: positions
            and names. None for a call that is not mapped.
        when: branches that the call is in, outermost first: `[reference, side]`, the side being
            whether the value must be true. It is skipped where one was not taken.
    """

    id: str
    task_name: str
    depends_on: list[str]
    args: list[Any]
    kwargs: dict[str, Any]
    executor: str | None
    source: str | None = None
    map_over: list[str | int] | None = None
    when: list[list[Any]] = field(default_factory=list)

    @property
    def arguments(self) -> list[Any]:
        """All arguments. `kwargs` as a whole is none, for an argument may be called `$task`."""
        return [*self.args, *self.kwargs.values()]


@dataclass(frozen=True)
class FlowSpec:
    """A traced flow: the one intermediate representation of Dagy.

    Attributes:
        name: the flow's name.
        version: a label given at build or deploy, "1" by default.
        created_at: ISO 8601 time of the build; the only field that two builds of the same flow
            differ in.
        tasks: the tasks by name.
        task_runs: the calls, each after all those it depends on.
        edges: `[source, target]` pairs, derived from `depends_on`.
        outputs: the flow's return value as JSON with references.
        parameters: one entry a parameter, in order: `name`, `kind`, `required`, and where they
            apply `type`, `accepts`, `default`, `bound`, `secret`.
        description: for people.
        import_path: where the flow was found, as `module:function`.
        schema_version: version of this format.
        retries: how often the whole flow is run again after it failed.
        retry_delay_seconds, retry_jitter_factor, retry_condition, hooks: as for a task.
    """

    name: str
    version: str
    created_at: str
    tasks: dict[str, TaskSpec]
    task_runs: list[TaskRunSpec]
    edges: list[list[str]]
    outputs: Any
    parameters: list[dict[str, Any]]
    description: str | None = None
    import_path: str | None = None
    schema_version: int = field(default=SCHEMA_VERSION)
    retries: int = 0
    retry_delay_seconds: Any | None = None
    retry_jitter_factor: float | None = None
    retry_condition: str | None = None
    hooks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def has_pickles(self) -> bool:
        """Whether what some task of it returns is pickled."""
        return any(task.serializer == "pickle" for task in self.tasks.values())

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the canonical JSON text: fields in the order of the class, ASCII only.

        Args:
            indent: spaces a level for a text that people read; None for the compact form.
        """
        separators = (",", ":") if indent is None else (",", ": ")
        return json.dumps(_plain(self), indent=indent, separators=separators, allow_nan=False)

    @staticmethod
    def from_json(text: str | bytes) -> FlowSpec:
        """Read what `to_json` wrote.

        Args:
            text: a JSON document.

        Raises:
            SpecError: the text is not JSON, the schema version is unknown, or a field is
                malformed; `.path` names the field.
        """
        from dagy.spec.decode import flow_spec_from_json  # decode needs this module

        return flow_spec_from_json(text)

    def canonical(self) -> FlowSpec:
        """Return this spec with nothing in it that changes by itself (see `EPOCH`)."""
        return replace(self, created_at=EPOCH)

    def digest(self) -> str:
        """Return the SHA-256, in hex, of the canonical spec."""
        import hashlib

        return hashlib.sha256(self.canonical().to_json().encode()).hexdigest()


def _plain(value: FlowSpec) -> dict[str, Any]:
    # dataclasses.asdict would deep-copy every argument: half the cost of writing a large flow.
    plain = dict(value.__dict__)
    plain["tasks"] = {name: task.__dict__ for name, task in value.tasks.items()}
    plain["task_runs"] = [run.__dict__ for run in value.task_runs]
    return plain
