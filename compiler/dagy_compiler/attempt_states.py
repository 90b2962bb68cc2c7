"""The states of a unit with all its attempts: the path from one attempt to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dagy_compiler.asl import Catcher, Choice, Retrier, Rule, State, Task, Wait
from dagy_compiler.container_states import CONTAINER_RETRIER, container_task, jsonata
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import ECS_OVERRIDE_CHARACTERS, STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.placement import is_container
from dagy_compiler.plan import Attempts
from dagy_compiler.states import (
    ERROR,
    INFRASTRUCTURE_RETRIER,
    LOST_ERRORS,
    LOST_RETRIER,
    NEVER_RETRIED,
    PROTOCOL,
    REDRIVEN,
    RETRY_ERROR,
    Ending,
    asking,
    raised,
    worker_task,
)

SENT: Final = frozenset({"parameters", "results"})
"""What a call is sent, of a size that is known only when it is made."""

DECISION: Final = "$parse($parse($states.errorOutput.Cause).errorMessage)"
"""JSONata for what the message of `Dagy.Retry` says: `attempt`, `wait`, `rest`."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of the worker that one unit comes to, as far as they are alike.

    Attributes:
        attempts: who makes them.
        content: what every one of them is sent.
        place: the logical id of the function or task definition that makes them.
        comment: names them, for people.
    """

    attempts: Attempts
    content: Mapping[str, Any]
    place: str
    comment: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What follows the last failure of a task run where that does not end the execution.

    Attributes:
        next: the state, whose input says what is in `ERROR`.
        told: further fields of its input, as expressions. The rest of an item's input is not among
            them, which may be large, as may be the cause.
    """

    next: str
    told: Mapping[str, str]


class AttemptStates:
    """The states of a task run with all its attempts.

    Where the worker decides, a failed attempt that is followed by another is raised as
    `Dagy.Retry`, and caught: past a Wait to the state that makes every further attempt. Any other
    error is the last failure, and is not caught: it ends the execution under its own name and
    cause, and a redrive begins there. Only if the worker is gone is another one asked what follows;
    where that is nothing, the error is raised again, and a redrive makes the first attempt anew.

    What the states tell each other is their input: the number of the next attempt, the seconds to
    wait, and whatever is carried through.

    Args:
        name: of the first state.
        calls: that they make.
        ending: how each hands over on success.
        names: gives the further states their names.
        carried: fields of the first state's input that the others are to find in theirs.
        given_up: what follows the last failure, whatever it is; None where that ends the execution.
    """

    def __init__(
        self,
        name: str,
        calls: Calls,
        ending: Ending,
        names: UniqueNames,
        carried: tuple[str, ...] = (),
        given_up: GivenUp | None = None,
    ) -> None:
        self._name = name
        self._attempts = calls.attempts
        self._content = calls.content
        self._place = calls.place
        self._comment = calls.comment
        # Where what a container is sent is kept, once it is; its overrides hold the rest.
        self._kept: str | None = None
        self._ending = ending
        self._names = names
        self._carried = {field: expression(f"$states.input.{field}") for field in carried}
        self._given_up = given_up

    def states(self) -> dict[str, State]:
        """Return them by name, the first one first."""
        if not is_container(self._place) or _fits_overrides(self._content):
            return self._made(self._name)
        container = self._claim("container")
        call = {"call": {"dagy": PROTOCOL, **self._content}, "key": _key(self._content)}
        handed = asking(
            {**call, "run": self._content["run"]},
            Ending(container, expression("$states.input")),
            comment=f"What the container of {self._comment} is told",
            catch=self._when_given_up() or None,
        )
        self._kept = expression(f"{jsonata(self._content['run'])} & '/' & {jsonata(call['key'])}")
        return {self._name: handed, **self._made(container)}

    def _made(self, name: str) -> dict[str, State]:
        if not self._attempts.decided:
            return {name: self._task(self._attempt(), retry=self._retriers())}
        lost = self._claim("worker lost")
        gone = self._given_up.next if self._given_up else self._claim("failed")
        failing: dict[str, State] = {} if self._given_up else {gone: self._raise(name)}
        if not self._attempts.retries:
            once = {"attempt": 1, "decide": True}
            first = self._task(once, catch=(self._when_lost(1, lost),))
            return {name: first, lost: self._ask(gone), **failing}
        again, after = self._claim("again"), self._claim("what follows")
        wait = self._claim("wait")
        states: dict[str, State] = {
            name: self._task({"attempt": 1, "decide": True}, catch=self._catch(1, wait, lost))
        }
        # Of no seconds too: not every engine takes a state that is caught into itself (moto 5.2).
        states[wait] = Wait(seconds=expression("$states.input.wait"), next=again)
        number = expression("$states.input.attempt")
        content: dict[str, Any] = {"attempt": number, "decide": True}
        content["rest"] = expression("$states.input.rest")
        states[again] = self._task(content, catch=self._catch(number, wait, lost))
        states[lost] = self._ask(after)
        rule = Rule(condition=expression("$states.input.again"), next=wait)
        states[after] = Choice(choices=(rule,), default=gone)
        return {**states, **failing}

    def _claim(self, what: str) -> str:
        # Long names are cut so that what tells the states apart is always seen.
        return self._names.claim(state_name(f"{self._name[: STATE_NAME_CHARACTERS - 20]} ({what})"))

    def _task(
        self, extra: Mapping[str, Any], catch: tuple[Catcher, ...] = (), **fields: Any
    ) -> Task:
        timeout = self._attempts.timeout_seconds
        caught = (*catch, *self._when_given_up()) or None
        return self._call(
            extra,
            self._ending,
            comment=self._comment,
            timeout_seconds=timeout,
            catch=caught,
            **fields,
        )

    def _call(self, extra: Mapping[str, Any], ending: Ending, **fields: Any) -> Task:
        """Return a state that calls the worker of this place."""
        if not is_container(self._place):
            return worker_task({**self._content, **extra}, ending, place=self._place, **fields)
        whole = {"dagy": PROTOCOL, **self._content, **extra}
        told = whole if self._kept is None else extra
        fields = {"retry": (CONTAINER_RETRIER,), "catch": None, "timeout_seconds": None, **fields}
        return container_task(told, self._kept, place=self._place, ending=ending.fields(), **fields)

    def _attempt(self) -> dict[str, Any]:
        """Return the number of the attempt under way.

        Arguments are evaluated again at each retry, with `State.RetryCount` counting from 0. It
        counts retries for Lambda's own trouble too, so after one of these the number is one higher;
        how many attempts are made does not depend on it.
        """
        if self._attempts.backoff is None:
            return {"attempt": 1} if len(self._content.get("tasks", ())) == 1 else {}
        return {"attempt": expression("$states.context.State.RetryCount + 1")}

    def _retriers(self) -> tuple[Retrier, ...]:
        """Return the retriers: Lambda's own trouble first, which never uses up an attempt.

        An error that an expression of ours raises is not the user's to retry, so it has a retrier
        of no attempts before the one that matches everything.
        """
        native = native_retrier(self._attempts)
        own = self._infrastructure()
        return (own,) if native is None else (own, NEVER_RETRIED, native)

    def _infrastructure(self) -> Retrier:
        return CONTAINER_RETRIER if is_container(self._place) else INFRASTRUCTURE_RETRIER

    def _catch(self, number: str | int, wait: str, lost: str) -> tuple[Catcher, ...]:
        decision = DECISION
        if self._carried:
            carried = ", ".join(f'"{field}": $states.input.{field}' for field in self._carried)
            decision = f"$merge([{decision}, {{{carried}}}])"
        retry = Catcher(error_equals=(RETRY_ERROR,), output=expression(decision), next=wait)
        return retry, self._when_lost(number, lost)

    def _when_lost(self, number: str | int, lost: str) -> Catcher:
        return Catcher(
            error_equals=LOST_ERRORS,
            output={
                "attempt": number,
                "lost": expression("$states.errorOutput"),
                **self._carried,
            },
            next=lost,
        )

    def _when_given_up(self) -> tuple[Catcher, ...]:
        if self._given_up is None:
            return ()
        told, following = {**ERROR, **self._given_up.told}, self._given_up.next
        return (Catcher(error_equals=("States.ALL",), output=told, next=following),)

    def _ask(self, following: str) -> Task:
        """Return the state that asks another worker what follows."""
        lost = {field: expression(f"$states.input.{field}") for field in ("attempt", "lost")}
        told = self._given_up.told if self._given_up else REDRIVEN
        answer = f"$merge([$states.result.Payload, {jsonata({**told, **self._carried})}])"
        return self._call(
            {**lost, "decide": True},
            Ending(following, expression(answer)),
            comment=f"What follows when the worker of {self._comment} is gone",
            retry=(self._infrastructure(), LOST_RETRIER),
            catch=self._when_given_up() or None,
        )

    def _raise(self, first: str) -> Task:
        return raised(
            f"The worker of {self._comment} is gone, and there is no further attempt",
            Ending(first, self._carried),
        )


def native_retrier(attempts: Attempts) -> Retrier | None:
    """Return the retrier that makes all attempts after the first, if one can."""
    backoff = attempts.backoff
    if backoff is None:
        return None
    return Retrier(
        error_equals=("States.ALL",),
        interval_seconds=backoff.interval_seconds,
        max_attempts=backoff.retries,
        max_delay_seconds=backoff.max_delay_seconds,
        backoff_rate=backoff.rate,
    )


def _fits_overrides(content: Mapping[str, Any]) -> bool:
    """Tell whether a call is surely small enough for the overrides of a container.

    It stands there as JSON within JSON, beside a task token and what changes from attempt to
    attempt.
    """
    told = json.dumps(json.dumps(content))
    return not content.keys() & SENT and len(told) <= ECS_OVERRIDE_CHARACTERS // 2


def _key(content: Mapping[str, Any]) -> str:
    """Return the key under which a call is kept within its execution; of a map, the item's own."""
    key = f"calls/{content['tasks'][0]}" if "tasks" in content else "calls/flow"
    if "item" not in content:
        return key
    return expression(f"'{key}/' & $string({jsonata(content['item'])})")
