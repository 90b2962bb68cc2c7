"""The states that decide which side of a branch is taken: a Choice, and one that asks a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dagy_compiler.asl import Choice, Rule, State
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames
from dagy_compiler.parameter_truths import parameter_truth
from dagy_compiler.program import Decide
from dagy_compiler.states import NO_OUTPUT, Ending, asking
from dagy_compiler.step_names import condition_of

_ASKED = "$states.input"
"""JSONata for what the state that asks puts out, where the Choice follows it."""


class Told(NamedTuple):
    """JSONata for the truth of a value that is known before a worker is asked.

    Neither holds where one has to be asked, until it has been: then what it answers counts.

    Attributes:
        true: holds where the value is true.
        false: holds where it is false.
    """

    true: str
    false: str


def told_truth(step: Decide, parameters: list[dict[str, Any]], given: str) -> Told | None:
    """Return what is known of the truth that decides a branch; None if only a worker can tell.

    Args:
        step: the branch.
        parameters: of the flow.
        given: JSONata for their values.
    """
    if step.truth is not None:
        true, false = (f"${step.truth} = {each} or {_ASKED} = {each}" for each in ("true", "false"))
        return Told(true, false)
    truth = parameter_truth(parameters, step.condition, given, _ASKED)
    return None if truth is None else Told(f"{truth} = true", f"{truth} = false")


class ChoiceStates:
    """The Choice of a branch, and the state that asks a worker whether a value is true.

    Where an earlier call has told the truth, or the input of the execution shows it, the Choice
    comes first. What asks is for a value whose truth could not be told, so that what is wrong with
    it comes out here, and leads back to the Choice. Else what asks comes first.

    What a side leaves has no value where it is not taken: null, which the worker knows.

    Args:
        name: of the first state.
        step: the branch.
        content: what the worker is sent that is asked.
        told: what is known of the truth without it.
        names: gives the other state its name.
    """

    def __init__(
        self,
        name: str,
        step: Decide,
        content: Mapping[str, Any],
        told: Told | None,
        names: UniqueNames,
    ) -> None:
        self._name = name
        self._step = step
        self._content = content
        self._told = told
        other = "choose" if told is None else "ask"
        self._other = names.claim(f"{name[: STATE_NAME_CHARACTERS - 12]}, {other}")

    def states(self, then: str, otherwise: str) -> dict[str, State]:
        """Return them by name, the first one first.

        Args:
            then: the state that follows where the value is true.
            otherwise: the state that follows where it is false.
        """
        if self._told is None:
            return {
                self._name: self._ask(self._other),
                self._other: Choice(
                    choices=(self._then(_ASKED, then),),
                    assign=_nothing(self._step.lost_then),
                    output=NO_OUTPUT,
                    default=otherwise,
                ),
            }
        is_false = Rule(
            condition=expression(self._told.false),
            assign=_nothing(self._step.lost_then),
            output=NO_OUTPUT,
            next=otherwise,
        )
        rules = (self._then(self._told.true, then), is_false)
        return {
            self._name: Choice(choices=rules, output=NO_OUTPUT, default=self._other),
            self._other: self._ask(self._name),
        }

    def _then(self, condition: str, following: str) -> Rule:
        return Rule(
            condition=expression(condition),
            assign=_nothing(self._step.lost_otherwise),
            output=NO_OUTPUT,
            next=following,
        )

    def _ask(self, following: str) -> State:
        task_run_id, branch = self._step.asked
        content = {"truth": {"task": task_run_id, "branch": branch}, **self._content}
        truth = Ending(following, expression("$states.result.Payload.truth"))
        return asking(content, truth, comment=f"Whether {condition_of(self._step)} is true")


def _nothing(names: tuple[str, ...]) -> dict[str, str] | None:
    return dict.fromkeys(names, expression("null")) or None
