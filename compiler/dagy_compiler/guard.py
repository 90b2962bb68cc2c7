"""The states around a whole flow that has hooks or retries of its own."""

from __future__ import annotations

from typing import Any

from dagy.spec import FlowSpec
from dagy_compiler.asl import Branch, Catcher, Choice, Parallel, Pass, Rule, State, Task, Wait
from dagy_compiler.jsonata import expression
from dagy_compiler.names import UniqueNames
from dagy_compiler.states import ERROR, NO_OUTPUT, REDRIVES, TOLD, Ending, asking, raised

ATTEMPT = "flow_attempt"
"""The variable that counts the attempts of the flow."""

_NUMBER = expression(f"${ATTEMPT}")


def is_caught(spec: FlowSpec) -> bool:
    """Tell whether a failure of a flow is caught, so that it may be entered again as a whole."""
    return bool(spec.retries) or "on_failure" in spec.hooks


class GuardStates:
    """The flow as a Parallel with one branch, which can be caught as a whole and entered again.

    A worker calls the hooks, and decides what follows a failure. The last failure surfaces under
    its own name and cause; a redrive after that is a further attempt of the flow.

    Args:
        spec: the flow.
        name: of the first state.
        body: the flow's states.
        assigns: variables that the body's output is assigned to before hooks are called at the end,
            as expressions.
        ending: how the flow ends when it has succeeded, where the body's output is at hand or past
            the hooks.
        names: gives the further states their names.
    """

    def __init__(
        self,
        spec: FlowSpec,
        name: str,
        body: Branch,
        assigns: dict[str, str],
        ending: Ending,
        names: UniqueNames,
    ) -> None:
        self._spec = spec
        self._name = name
        self._body = body
        self._assigns = assigns
        self._ending = ending
        self._names = names
        self._starts = bool({"on_running", "on_retry"} & spec.hooks.keys())
        self._caught = is_caught(spec)

    def states(self) -> dict[str, State]:
        """Return them by name, the first one first."""
        names = self._names
        body = names.claim("flow (body)")
        start = names.claim("flow (hooks at start)") if self._starts else body
        states: dict[str, State] = {
            self._name: Pass(assign={ATTEMPT: 1}, output=NO_OUTPUT, next=start)
        }
        if self._starts:
            states[start] = self._tell("running", Ending(body, NO_OUTPUT))
        after = names.claim("flow (what follows)") if self._caught else ""
        done = names.claim("flow (done)")
        states[body] = Parallel(
            comment="One attempt of the whole flow",
            branches=(self._body,),
            arguments=NO_OUTPUT,
            catch=(_catcher(after),) if self._caught else None,
            next=done,
        )
        states |= self._done(done)
        return states | (self._failed(after, start) if self._caught else {})

    def _done(self, name: str) -> dict[str, State]:
        if "on_completion" not in self._spec.hooks:
            return {name: Pass(**self._ending.fields())}
        told = self._names.claim("flow (hooks at end)")
        return {
            name: Pass(**Ending(told, NO_OUTPUT, self._assigns).fields()),
            told: self._tell("completed", self._ending),
        }

    def _failed(self, name: str, start: str) -> dict[str, State]:
        gone = self._names.claim("flow (failed)")
        anew = Ending(start, NO_OUTPUT, {ATTEMPT: expression(f"${ATTEMPT} + 1")})
        failing = raised("The flow failed, and there is no further attempt", anew)
        answer = expression(f'$merge([$states.result.Payload, {{"redriven": {REDRIVES}}}])')
        if not self._spec.retries:
            return {name: self._tell("failed", Ending(gone, answer), **TOLD), gone: failing}
        choose, wait = self._names.claim("flow (again?)"), self._names.claim("flow (wait)")
        rule = Rule(condition=expression("$states.input.again"), next=wait)
        return {
            name: self._tell("failed", Ending(choose, answer), **TOLD),
            choose: Choice(choices=(rule,), default=gone),
            wait: Wait(
                seconds=expression("$states.input.wait"),
                assign={ATTEMPT: expression("$states.input.attempt")},
                output=NO_OUTPUT,
                next=start,
            ),
            gone: failing,
        }

    def _tell(self, what: str, ending: Ending, **more: Any) -> Task:
        parameters = expression("$states.context.Execution.Input")
        content = {"flow": what, "attempt": _NUMBER, "parameters": parameters, **more}
        return asking(content, ending, comment=f"The flow's own hooks and policy: {what}")


def _catcher(following: str) -> Catcher:
    return Catcher(
        error_equals=("States.ALL",),
        output=ERROR,
        next=following,
    )
