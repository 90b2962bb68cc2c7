"""Amazon States Language as typed models: the part of it, in JSONata mode, that Dagy emits.

`StateMachine.model_validate` reads a definition back, and refuses fields that are not of this part;
`to_json` gives it as plain JSON. Fields stand in the order in which AWS documents them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, extra="forbid", frozen=True
    )


class Retrier(_Model):
    """One entry of `Retry`. Each counts for itself; only the first that matches is asked.

    Attributes:
        error_equals: error names.
        interval_seconds: seconds before the first retry, at least 1.
        max_attempts: retries, 0 for none.
        max_delay_seconds: what no interval passes.
        backoff_rate: factor from one interval to the next, at least 1.
        jitter_strategy: FULL draws each delay from U(0, delay).
    """

    error_equals: tuple[str, ...]
    interval_seconds: int | None = None
    max_attempts: int | None = None
    max_delay_seconds: int | None = None
    backoff_rate: int | None = None
    jitter_strategy: Literal["FULL", "NONE"] | None = None


class Catcher(_Model):
    """One entry of `Catch`, asked in order when the retriers are done."""

    error_equals: tuple[str, ...]
    output: Any = None
    next: str


# Fields that several states share are spelled out in each: a model's fields stand in the order of
# its own text, and those of a base class would come first.


class Task(_Model):
    """Calls a service. As in every state that another may follow, `next` or `end` is set."""

    type: Literal["Task"] = "Task"
    comment: str | None = None
    resource: str
    arguments: dict[str, Any]
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    retry: tuple[Retrier, ...] | None = None
    catch: tuple[Catcher, ...] | None = None
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str | None = None
    end: Literal[True] | None = None


class Wait(_Model):
    """Lets whole seconds pass, or waits for a time; either may be an expression."""

    type: Literal["Wait"] = "Wait"
    comment: str | None = None
    seconds: int | str | None = None
    timestamp: str | None = None
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str | None = None
    end: Literal[True] | None = None


class Pass(_Model):
    """Does nothing but assign and put out."""

    type: Literal["Pass"] = "Pass"
    comment: str | None = None
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str | None = None
    end: Literal[True] | None = None


class Rule(_Model):
    """One entry of `Choices`."""

    condition: str
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str


class Choice(_Model):
    """Goes on with the first rule that holds, or with the default; `assign` is the default's."""

    type: Literal["Choice"] = "Choice"
    comment: str | None = None
    choices: tuple[Rule, ...]
    assign: dict[str, Any] | None = None
    output: Any = None
    default: str


class Succeed(_Model):
    """Ends the machine or the branch."""

    type: Literal["Succeed"] = "Succeed"
    comment: str | None = None
    output: Any = None


class Fail(_Model):
    """Ends the execution with an error; `error` and `cause` may be expressions."""

    type: Literal["Fail"] = "Fail"
    comment: str | None = None
    error: str | None = None
    cause: str | None = None


class Branch(_Model):
    """States with a scope of their own: what they assign ends with the branch."""

    start_at: str
    states: dict[str, State]


class Parallel(_Model):
    """Runs branches at once; its result is the list of their outputs."""

    type: Literal["Parallel"] = "Parallel"
    comment: str | None = None
    branches: tuple[Branch, ...]
    arguments: dict[str, Any] | None = None
    retry: tuple[Retrier, ...] | None = None
    catch: tuple[Catcher, ...] | None = None
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str | None = None
    end: Literal[True] | None = None


class ProcessorConfig(_Model):
    """Whether the items of a Map run in the execution or each in one of its own."""

    mode: Literal["INLINE", "DISTRIBUTED"]
    execution_type: Literal["STANDARD", "EXPRESS"] | None = None


class Processor(_Model):
    """What runs for each item of a Map."""

    processor_config: ProcessorConfig
    start_at: str
    states: dict[str, State]


class Map(_Model):
    """Runs a processor for each item; its result is the list of their outputs, in order.

    The items are an expression, or a list that stands here.
    """

    type: Literal["Map"] = "Map"
    comment: str | None = None
    items: str | tuple[str, ...]
    item_selector: dict[str, Any]
    max_concurrency: int | None = None
    item_processor: Processor
    label: str | None = None
    catch: tuple[Catcher, ...] | None = None
    assign: dict[str, Any] | None = None
    output: Any = None
    next: str | None = None
    end: Literal[True] | None = None

    @property
    def known_items(self) -> int | None:
        """How many items there are; None if only an execution knows."""
        if isinstance(self.items, tuple):
            return len(self.items)
        last = re.fullmatch(r"\{% \[0\.\.(\d+)\] %\}", self.items)
        return None if last is None else int(last[1]) + 1


State = Annotated[
    Task | Parallel | Map | Choice | Pass | Wait | Succeed | Fail, Field(discriminator="type")
]


class StateMachine(_Model):
    """A whole definition."""

    comment: str | None = None
    query_language: Literal["JSONata"]
    start_at: str
    states: dict[str, State]

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON values, fields in a fixed order, none that is not set."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


Branch.model_rebuild()
Processor.model_rebuild()
