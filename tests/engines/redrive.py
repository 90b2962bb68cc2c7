"""Redriving an execution on sfnx's runner, which knows no redrives.

Step Functions enters the state that failed again, with the input and the variables that it had, and
counts from one redrive on (developer guide, "Restarting state machine executions with redrive in
Step Functions", read 2026-11). Here the whole machine runs anew, and what was called before the
state that failed is answered as it was then. Branches and items run one after another on this
runner, so the calls of a state come in the same order each time, and those that failed last are the
last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import sfnx.testing
from sfnx.testing import Call, Execution, Failure, run

from dagy_compiler.states import RETRY_ERROR
from tests.engines.sfnx import nesting


@dataclass(frozen=True)
class _Answered:
    """What a state called, and what it was answered: a failure is raised."""

    state: str
    answer: Any


class Redrivable:
    """An execution that can be redriven.

    Args:
        definition: of the machine.
        parts: those of nested machines, by name.
        given: the execution's input.
        task: answers calls.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        parts: Mapping[str, Mapping[str, Any]],
        given: Any,
        task: Callable[[Call], Any],
    ) -> None:
        self._definition = definition
        self._parts = parts
        self._given = given
        self._task = task
        self._answered: list[_Answered] = []
        self._redrives = -1
        # Of the outermost execution; a nested one is started anew, and was not redriven.
        self._context: dict[str, Any] = {}

    def run(self) -> Execution:
        """Run it, or go on with it where it failed."""
        pending = self._kept()
        self._answered.clear()
        self._context.clear()
        self._redrives += 1
        nested = nesting(lambda call: self._answer(call, pending), self._parts)
        context_of = sfnx.testing.execution_context

        def context(given: object, start_time: str) -> dict[str, Any]:
            made = context_of(given, start_time)
            if not self._context:
                self._context = made["Execution"]
                self._context["RedriveCount"] = max(self._redrives - 1, 0)
            return made

        with patch.object(sfnx.testing, "execution_context", context):
            return run(self._definition, self._given, nested)

    def _kept(self) -> list[_Answered]:
        """Return what was answered before the state that failed last made its first attempt."""
        if not self._answered:
            return []
        *kept, last = self._answered
        while kept and kept[-1].state == last.state and _retried(kept[-1].answer):
            kept.pop()
        return kept

    def _answer(self, call: Call, pending: list[_Answered]) -> Any:
        if pending:
            before = pending.pop(0)
            assert before.state == call.state
            answer = before.answer
        else:
            self._context["RedriveCount"] = self._redrives
            answer = self._answer_now(call)
        self._answered.append(_Answered(call.state, answer))
        if isinstance(answer, Failure):
            raise answer
        return answer

    def _answer_now(self, call: Call) -> Any:
        payload = call.arguments.get("Payload")
        if isinstance(payload, dict) and "redrives" in payload:
            # Evaluated before it was known that this is the state that the redrive begins with.
            payload["redrives"] = self._redrives
        try:
            return self._task(call)
        except Failure as failure:
            return failure


def _retried(answer: Any) -> bool:
    """Tell whether a state that was answered so was not left: `Dagy.Retry` is always caught."""
    return isinstance(answer, Failure) and answer.error != RETRY_ERROR
