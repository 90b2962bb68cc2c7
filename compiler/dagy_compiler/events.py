"""Events that states write to the history of an execution, along the heaviest way through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dagy_compiler import limits
from dagy_compiler.asl import Choice, Fail, Map, Parallel, State, Succeed, Task
from dagy_compiler.states import is_surfacing

Weigh = Callable[[str, State], int]
"""The weight of a state by its name, with all that is in it."""

Retries = Callable[[str, Task], int]
"""Events that the retries of a state add, by its name."""


def no_retries(_name: str, _task: Task) -> int:
    """Return 0: nothing is retried."""
    return 0


def heaviest(states: Mapping[str, State], start_at: str, weigh: Weigh) -> int:
    """Return the weight of the heaviest way through some states on which all goes well.

    Nothing is caught on it, and no branch has to ask for a truth that a call could not tell.

    Args:
        states: of a machine, a branch or what runs for an item; what follows and is not among them
            does not count.
        start_at: the first of them.
        weigh: gives each its weight.
    """
    total: dict[str, int] = {}
    pending = [start_at]
    while pending:
        following = [name for name in _following(states, pending[-1]) if name in states]
        unknown = [name for name in following if name not in total]
        pending += unknown
        if not unknown:
            name = pending.pop()
            rest = max((total[other] for other in following), default=0)
            total[name] = weigh(name, states[name]) + rest
    return total[start_at]


def history_events(
    states: Mapping[str, State], start_at: str, retries: Retries = no_retries
) -> int:
    """Return how many events the states of a scope write at most.

    Args:
        states: as for `heaviest`.
        start_at: likewise.
        retries: what retries add; by default nothing fails.
    """

    def weigh(name: str, state: State) -> int:
        match state:
            case Task():
                return events_of_task(state) + retries(name, state)
            case Parallel(branches=branches):
                inside = sum(heaviest(each.states, each.start_at, weigh) for each in branches)
                return limits.EVENTS_OF_PARALLEL + inside
            case Map(item_processor=each) if each.processor_config.mode == "DISTRIBUTED":
                return limits.EVENTS_OF_DISTRIBUTED_MAP  # each item has a history of its own
            case Map(item_processor=each):
                item = limits.EVENTS_OF_ITEM + heaviest(each.states, each.start_at, weigh)
                count = state.known_items or limits.INLINE_ITEMS
                return limits.EVENTS_OF_PARALLEL + count * item
        return limits.EVENTS_OF_OTHER_STATE

    return heaviest(states, start_at, weigh)


def events_of_task(task: Task) -> int:
    """Return how many events a Task writes if nothing fails."""
    if task.resource.endswith(".waitForTaskToken"):
        return limits.EVENTS_OF_TOKEN_TASK
    is_job = ".sync" in task.resource
    return limits.EVENTS_OF_SYNC_TASK if is_job else limits.EVENTS_OF_LAMBDA_TASK


def asks_again(states: Mapping[str, State], name: str) -> bool:
    """Tell whether a Choice has what leads back to it as its default: a call that asks."""
    choice = states[name]
    asks = states.get(choice.default) if isinstance(choice, Choice) else None
    return isinstance(asks, Task) and asks.next == name


def _following(states: Mapping[str, State], name: str) -> list[str]:
    state = states[name]
    match state:
        case Choice(choices=choices, default=default):
            sides = [rule.next for rule in choices]
            return sides if asks_again(states, name) else [*sides, default]
        case Succeed() | Fail():
            return []
    # What follows an error that surfaces is for a redrive, whose events are counted anew.
    return [] if state.next is None or is_surfacing(state) else [state.next]
