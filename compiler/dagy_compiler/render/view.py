"""What all drawings show of a definition: its states in order, with retries folded into their task.

A task whose attempts are unrolled over several states is one step here, and so is a Parallel with
the Pass that joins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from dagy.errors import BundleError
from dagy_compiler.asl import Parallel, Pass, Retrier, State, StateMachine, Task, Wait
from dagy_compiler.states import INFRASTRUCTURE_ERRORS


@dataclass(frozen=True)
class Step:
    """One thing that a scope does.

    Attributes:
        name: of its first state.
        detail: what a person should know, a phrase each: task, retries.
        branches: what a Parallel runs at once.
        calls: how often it calls the worker itself if nothing fails.
    """

    name: str
    detail: tuple[str, ...] = ()
    branches: tuple[tuple[Step, ...], ...] = ()
    calls: int = 0


@dataclass(frozen=True)
class View:
    """A definition to be drawn.

    Attributes:
        title: the definition's comment.
        steps: of the machine itself, in order.
        states: how many states there are, all told.
        calls: how often the worker is called if nothing fails.
    """

    title: str
    steps: tuple[Step, ...]
    states: int
    calls: int


def view(definition: Mapping[str, Any]) -> View:
    """Return what is to be drawn of a definition.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    try:
        machine = StateMachine.model_validate(definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _refuse(f"{where}: {first['msg']}") from error
    steps = _steps(machine.states, machine.start_at)
    title = _line(machine.comment or "State machine")
    return View(title, tuple(map(_in_lines, steps)), _count(machine.states), _calls(steps))


def _in_lines(step: Step) -> Step:
    """Return a step whose texts take a line each, whatever the names in them hold."""
    branches = tuple(tuple(map(_in_lines, branch)) for branch in step.branches)
    detail = tuple(map(_line, step.detail))
    return replace(step, name=_line(step.name), detail=detail, branches=branches)


def _line(text: str) -> str:
    """Return a text with line ends and the like as Python writes them."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _refuse(problem: str) -> BundleError:
    return BundleError(
        f"not a state machine that this version of Dagy emits: {problem}; build the flow again"
    )


def _count(states: Mapping[str, State]) -> int:
    return len(states) + sum(
        _count(branch.states)
        for state in states.values()
        if isinstance(state, Parallel)
        for branch in state.branches
    )


def _calls(steps: tuple[Step, ...]) -> int:
    return sum(step.calls + sum(map(_calls, step.branches)) for step in steps)


def _steps(states: Mapping[str, State], start_at: str) -> tuple[Step, ...]:
    found: list[Step] = []
    seen: set[str] = set()
    name: str | None = start_at
    while name is not None:
        if name in seen:
            raise _refuse(f"state {name!r} leads back to itself")
        seen.add(name)
        state = _state(states, name)
        if isinstance(state, Parallel):
            branches = tuple(_steps(branch.states, branch.start_at) for branch in state.branches)
            found.append(Step(name, (f"{len(branches)} at once",), branches))
        elif isinstance(state, Task):
            found.append(Step(name, _detail(states, name, state), calls=1))
        elif not isinstance(state, Pass):
            found.append(Step(name))
        name = getattr(state, "next", None)
    return tuple(found)


def _state(states: Mapping[str, State], name: str | None) -> State:
    if name is None or name not in states:
        raise _refuse(f"there is no state {name!r}")
    return states[name]


def _detail(states: Mapping[str, State], name: str, task: Task) -> tuple[str, ...]:
    content = task.arguments.get("Payload", {})
    phrases = []
    if task.comment and task.comment != name:
        phrases.append(task.comment)
    if content.get("results"):
        phrases.append("reads " + _some(list(content["results"])))
    if "parameters" in content:
        phrases.append("takes the parameters")
    delays = list(_delays(states, task))
    if delays:
        phrases.append("retries after " + ", ".join(delays))
    return tuple(phrases)


def _delays(states: Mapping[str, State], task: Task) -> Iterator[str]:
    """Yield the delays between a task's attempts, over all the states that make them."""
    current: Task | None = task
    seen: set[str] = set()
    while current is not None:
        for retrier in current.retry or ():
            if retrier.max_attempts and retrier.error_equals != INFRASTRUCTURE_ERRORS:
                yield _native(retrier)
        caught = current.catch[-1].next if current.catch else None
        if caught is None:
            return
        if caught in seen:
            raise _refuse(f"state {caught!r} leads back to itself")
        seen.add(caught)
        state = _state(states, caught)
        yield f"{state.seconds} s" if isinstance(state, Wait) else "0 s"
        after = _state(states, state.next) if isinstance(state, Wait) else state
        current = after if isinstance(after, Task) else None


def _native(retrier: Retrier) -> str:
    interval = f"{retrier.interval_seconds} s"
    if retrier.max_attempts == 1:
        return interval
    growth = f", each {retrier.backoff_rate} times longer" if retrier.backoff_rate != 1 else ""
    return f"{interval} ({retrier.max_attempts} times{growth})"


def _some(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
