"""What all drawings show of a definition: its states in order, with retries folded into their task.

A task is one step here whatever states make its further attempts; so is a Parallel with the Pass
that joins it, a map with the states that count and gather its items, and a branch with the state
that decides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from dagy.errors import BundleError
from dagy_compiler.asl import (
    Branch,
    Choice,
    Map,
    Parallel,
    Pass,
    Processor,
    Retrier,
    State,
    StateMachine,
    Task,
)
from dagy_compiler.container_states import CONTAINER_ERRORS, RUN_TASK
from dagy_compiler.events import asks_again
from dagy_compiler.nested_states import RESOURCE, part_id
from dagy_compiler.states import INFRASTRUCTURE_ERRORS, LOST_ERRORS, RETRY_ERROR, is_worker_call

Parts = Mapping[str, Mapping[str, Any]]
"""Definitions of nested machines, by name."""

NO_PARTS: Parts = MappingProxyType({})


@dataclass(frozen=True)
class Step:
    """One thing that a scope does.

    Attributes:
        name: of its first state.
        detail: what a person should know, a phrase each: task, retries.
        branches: what a Parallel runs at once, a map for each item, or a branch one of.
        calls: how often it calls the worker itself if nothing fails.
        one_of: whether only one of the branches runs.
        machine: what stands for the ARN of the machine that it runs, if it does.
        times: how often all its branches run; 1 where nobody knows before.
    """

    name: str
    detail: tuple[str, ...] = ()
    branches: tuple[tuple[Step, ...], ...] = ()
    calls: int = 0
    one_of: bool = False
    machine: str | None = None
    times: int = 1


@dataclass(frozen=True)
class View:
    """A definition to be drawn.

    Attributes:
        title: the definition's comment.
        steps: of the machine itself, in order.
        states: how many states there are, all told.
        calls: how often the worker is called at most if nothing fails and a map has one item.
    """

    title: str
    steps: tuple[Step, ...]
    states: int
    calls: int


def view(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> View:
    """Return what is to be drawn of a definition.

    Args:
        definition: of the outermost machine.
        parts: definitions of the machines that are nested in it, by name.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    machine = _read(definition)
    inside = {f"${{{part_id(name)}Arn}}": _read(part) for name, part in parts.items()}
    steps = _with_parts(_steps(machine.states, machine.start_at), inside)
    title = _line(machine.comment or "State machine")
    states = sum(_count(each.states) for each in (machine, *inside.values()))
    return View(title, tuple(map(_in_lines, steps)), states, _calls(steps))


def _read(definition: Mapping[str, Any]) -> StateMachine:
    try:
        return StateMachine.model_validate(definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _refuse(f"{where}: {first['msg']}") from error


def _with_parts(steps: tuple[Step, ...], parts: Mapping[str, StateMachine]) -> tuple[Step, ...]:
    """Return steps with what each nested machine does in the step that runs it."""
    found = []
    for step in steps:
        branches = tuple(_with_parts(branch, parts) for branch in step.branches)
        part = None if step.machine is None else parts.get(step.machine)
        if part is not None:
            branches = (_with_parts(_steps(part.states, part.start_at), parts),)
        found.append(replace(step, branches=branches))
    return tuple(found)


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
        _count(scope.states) for state in states.values() for scope in _scopes(state)
    )


def _scopes(state: State) -> tuple[Branch | Processor, ...]:
    match state:
        case Parallel(branches=branches):
            return branches
        case Map(item_processor=processor):
            return (processor,)
    return ()


def _calls(steps: tuple[Step, ...]) -> int:
    total = 0
    for step in steps:
        inside = [_calls(branch) for branch in step.branches]
        within = max(inside, default=0) if step.one_of else sum(inside)
        total += step.calls + step.times * within
    return total


def _steps(
    states: Mapping[str, State], start_at: str, until: str | None = None
) -> tuple[Step, ...]:
    """Return the steps of a scope from one state to another, that one not included."""
    found: list[Step] = []
    seen: set[str] = set()
    name: str | None = start_at
    while name is not None and name != until:
        if name in seen:
            raise _refuse(f"state {name!r} leads back to itself")
        seen.add(name)
        state = _state(states, name)
        if isinstance(state, Choice):
            if asks_again(states, name):
                found.append(Step(name))
            name = _choice(states, state, found)
        elif isinstance(state, Map):
            step, name = _map(states, name, state)
            found.append(step)
        else:
            found += _alone(name, state)
            name = getattr(state, "next", None)
    return tuple(found)


def _alone(name: str, state: State) -> Iterator[Step]:
    """Yield the step of a state that goes on in one way; a Pass is none."""
    match state:
        case Parallel(branches=branches):
            inside = tuple(_steps(branch.states, branch.start_at) for branch in branches)
            at_once = (f"{len(inside)} at once",) if len(inside) > 1 else ()
            yield Step(name, at_once, inside)
        case Task(resource=resource) if resource == RESOURCE and _is_part(state):
            arn = state.arguments["StateMachineArn"]
            yield Step(name, ("a state machine of its own",), machine=arn)
        case Task():
            yield Step(name, _detail(name, state), calls=int(is_worker_call(state)))
        case Pass():
            pass
        case _:
            yield Step(name)


def _map(states: Mapping[str, State], name: str, each: Map) -> tuple[Step, str | None]:
    """Return the step of a map over what stands in the flow, and where it goes on."""
    count = each.known_items
    if count is None:
        raise _refuse(f"nobody counts the items of {name!r}")
    if isinstance(each.items, tuple):  # task runs that are alike, by their ids
        inside = _inside(each, f"for {', '.join(each.items)}")
        return Step(name, (f"{count} at once",), (inside,), times=count), each.next
    detail, following = _gathered(states, each, f"for each of {count:,} items")
    return Step(name, branches=(_inside(each, *detail),), times=count), following


def _choice(states: Mapping[str, State], choice: Choice, found: list[Step]) -> str | None:
    """Put what follows a Choice into the step before it; return where both ways meet again."""
    if not found:
        raise _refuse("it begins with a Choice")
    # Of a branch whose truth was told, what asks for it is not drawn.
    first, *others = (rule.next for rule in choice.choices)
    second = others[0] if others else choice.default
    if isinstance(each := _state(states, first), Map):
        detail, following = _gathered(states, each, "for each item")
        found[-1] = replace(found[-1], detail=detail, branches=(_inside(each),))
        return following
    ways = [list(_way(states, start)) for start in (first, second)]
    meeting = next((name for name in ways[0] if name in ways[1]), None)
    sides = tuple(_steps(states, start, meeting) for start in (first, second))
    detail = (*found[-1].detail, "one of")
    branches = tuple(side for side in sides if side)
    found[-1] = replace(found[-1], detail=detail, branches=branches, one_of=True)
    return meeting


def _inside(each: Map, *detail: str) -> tuple[Step, ...]:
    """Return what a map does for each item, with what else is to be said of the first step."""
    first, *further = _steps(each.item_processor.states, each.item_processor.start_at)
    return (replace(first, detail=(*detail, *first.detail)), *further)


def _gathered(
    states: Mapping[str, State], each: Map, said: str
) -> tuple[tuple[str, ...], str | None]:
    """Return what is to be said of a map, and where it goes on when it has gathered its items."""
    gather = _state(states, each.next)
    if isinstance(gather, Choice):
        return (said, "some may fail"), getattr(_state(states, gather.default), "next", None)
    return (said,), getattr(gather, "next", None)


def _way(states: Mapping[str, State], start_at: str) -> Iterator[str]:
    """Yield the states from one on, by the last side where there is a choice."""
    name: str | None = start_at
    seen: set[str] = set()
    while name is not None and name not in seen:
        yield name
        seen.add(name)
        state = _state(states, name)
        if isinstance(state, Choice):
            name = state.choices[-1].next if asks_again(states, name) else state.default
        else:
            name = getattr(state, "next", None)


def _state(states: Mapping[str, State], name: str | None) -> State:
    if name is None or name not in states:
        raise _refuse(f"there is no state {name!r}")
    return states[name]


def _is_part(task: Task) -> bool:
    """Tell whether a state runs a part of the flow, and not a machine of the user's."""
    return str(task.arguments.get("StateMachineArn", "")).startswith("${Part")


def _detail(name: str, task: Task) -> tuple[str, ...]:
    content = task.arguments.get("Payload", {}) if is_worker_call(task) else {}
    content = content.get("call", content)
    phrases = []
    if task.comment and task.comment != name:
        phrases.append(task.comment)
    if not is_worker_call(task):
        phrases.append("calls " + task.resource.rpartition(":::")[2])
    read = [*content.get("results", ()), *content.get("joined", ())]
    if read:
        phrases.append("reads " + _some(read))
    if "parameters" in content:
        phrases.append("takes the parameters")
    phrases += [
        "retries after " + _native(retrier)
        for retrier in task.retry or ()
        if retrier.max_attempts and not _is_of_service(task, retrier)
    ]
    if task.resource == RUN_TASK and is_worker_call(task):
        phrases.append("in a container")
    if any(RETRY_ERROR in catcher.error_equals for catcher in task.catch or ()):
        phrases.append("retries as the worker decides")
    return tuple(phrases)


def _is_of_service(task: Task, retrier: Retrier) -> bool:
    """Tell whether a retrier is for the trouble of AWS, and no policy of the user's."""
    if is_worker_call(task):
        return retrier.error_equals in (INFRASTRUCTURE_ERRORS, CONTAINER_ERRORS, LOST_ERRORS)
    return retrier.error_equals != ("States.ALL",)


def _native(retrier: Retrier) -> str:
    interval = f"{retrier.interval_seconds} s"
    if retrier.max_attempts == 1:
        return interval
    growth = f", each {retrier.backoff_rate} times longer" if retrier.backoff_rate != 1 else ""
    largest = f", at most {retrier.max_delay_seconds} s" if retrier.max_delay_seconds else ""
    return f"{interval} ({retrier.max_attempts} times{growth}{largest})"


def _some(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
