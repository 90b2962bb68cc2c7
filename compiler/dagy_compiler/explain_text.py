"""An explanation as text that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dagy_compiler.describe import ONE_ATTEMPT
from dagy_compiler.estimate import Estimate
from dagy_compiler.explain import Explanation, PartNote, StateNote, some
from dagy_compiler.limits import HISTORY_EVENTS

MAX_COLUMN = 40
"""Where what is said of a state begins at the latest."""


def explanation_text(found: Explanation) -> str:
    """Return what `dagy inspect --explain` prints, without a newline at the end.

    What is true of all tasks is said once, before the states.
    """
    notes = [*found.states, *(note for part in found.parts for note in part.states)]
    common = _common(notes)
    lines = [_title(found), "", *_estimate(found.estimate), ""]
    if common:
        lines += ["Every task: " + "; ".join(common), ""]
    column = max((_indent(note) + len(note.state) for note in notes), default=0)
    column = min(column, MAX_COLUMN) + 2
    for note in found.states:
        lines += _note(note, column, common)
    for part in found.parts:
        lines += ["", *_part(part)]
        for note in part.states:
            lines += _note(note, column, common)
    return "\n".join(line.rstrip() for line in lines)


def _title(found: Explanation) -> str:
    runs, states = found.estimate.task_runs, found.estimate.states
    size = f"{_count(runs, 'task run')} in {_count(states, 'state')}"
    machines = f" of {1 + len(found.parts):,} machines" if found.parts else ""
    return f"flow {found.flow}, mode {found.mode}: {size}{machines}"


def _part(part: PartNote) -> Iterator[str]:
    yield f"Part {part.name}, a state machine of its own, of which an execution takes"
    yield f"  {_events(part)}"
    yield ""


def _events(found: Estimate | PartNote) -> str:
    return (
        f"{found.history_events:,} of {HISTORY_EVENTS:,} history events; at most "
        f"{found.history_events_retried:,} with all retries, "
        f"{found.history_events_throttled:,} if AWS throttles every call too"
    )


def _estimate(found: Estimate) -> Iterator[str]:
    yield "If every task succeeds first time, an execution takes"
    each = f", and {found.transitions_per_item:,} for each further item of its maps"
    ratio = f", {found.transitions_per_task_run:.2f} for each task run" if found.task_runs else ""
    yield f"  {_count(found.transitions, 'transition')}{ratio}" + (
        each if found.transitions_per_item else ""
    )
    yield f"  {_events(found)}"
    yield (
        f"  {found.makespan_seconds:g} s, where the flow's critical path is "
        f"{found.critical_path_seconds:g} s: {found.stretch:.2f} times as long; "
        f"{_known(found)}"
    )
    if found.joins:
        yield (
            f"  {_count(found.joins, 'join')} across branches, for which "
            f"{_count(found.join_transitions, 'transition')} and as many calls of a worker are; "
            f"without them {found.makespan_without_joins_seconds:g} s"
        )
    payload = found.largest_payload
    if payload.size:
        yield f"  at most {payload.size:,} bytes in one place: {payload.what}"
    else:
        yield "  no values from state to state"


def _known(found: Estimate) -> str:
    if found.known_durations == found.task_runs:
        return "all durations are known"
    if not found.known_durations:
        return "no durations are known, and each counts as 1 s"
    return f"{found.known_durations:,} of {_count(found.task_runs, 'duration')} are known"


def _common(notes: Sequence[StateNote]) -> tuple[str, ...]:
    """Return what is true of all states that begin a task, if there are several."""
    facts = [_facts(note) for note in notes if note.place]
    if len(facts) < 2:
        return ()
    return tuple(fact for fact in facts[0] if all(fact in others for others in facts[1:]))


def _facts(note: StateNote) -> tuple[str, ...]:
    facts = (note.place, note.unit, note.attempts)
    return tuple(fact for fact in facts if fact and fact != ONE_ATTEMPT)


def _note(note: StateNote, column: int, common: tuple[str, ...]) -> Iterator[str]:
    name = " " * _indent(note) + note.state
    said = [_sentence(note), *_needless(note)]
    said += [fact for fact in _facts(note) if fact not in common]
    yield f"{name.ljust(column - 2)}  {said[0]}"
    for more in said[1:]:
        yield " " * column + more


def _sentence(note: StateNote) -> str:
    if note.joins:
        have = "has" if len(note.joins) == 1 else "have"
        return f"{note.does}, until {some(note.joins)} {have} ended"
    return note.does + (f", after {some(note.waits_for)}" if note.waits_for else "")


def _needless(note: StateNote) -> Iterator[str]:
    if note.for_nothing:
        yield (
            f"waits for {some(note.for_nothing)} without need: sequences and parallels "
            "cannot order it less"
        )
    if note.for_limit:
        yield f"waits for {some(note.for_limit)} because of a concurrency_limit"


def _indent(note: StateNote) -> int:
    return 2 * (note.depth + note.further)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
