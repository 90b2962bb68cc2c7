"""How large what states take in and put out may be: what follows from the shares of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagy_compiler.limits import (
    HANDED_BYTES,
    PARAMETERS_BYTES,
    TRUTH_BYTES,
)
from dagy_compiler.map_states import inline_items
from dagy_compiler.owners import unit_state_names
from dagy_compiler.plan import Plan
from dagy_compiler.program import (
    Call,
    Decide,
    Fork,
    Guard,
    Inputs,
    Nested,
    Sequence,
    Source,
    Step,
    Tell,
    first_unit,
)


@dataclass(frozen=True, slots=True)
class Payload:
    """What one state takes in or puts out.

    Attributes:
        size: bytes at most.
        what: whose it is, in words.
    """

    size: int
    what: str


def largest_payload(plan: Plan) -> Payload:
    """Return what may be largest; larger values are stored, and only named in it.

    What a service answers is not ours to limit, and counts as what a worker may answer.

    Args:
        plan: after `dataflow`.
    """
    assert plan.program is not None
    names = unit_state_names(plan.units or ())
    found = _Payloads(plan, names)
    return max(found.of(plan.program.body), key=lambda payload: payload.size)


class _Payloads:
    """One walk over the program in the order of execution, noting how large variables may be."""

    def __init__(self, plan: Plan, names: list[str]) -> None:
        runs = [run for run in plan.spec.task_runs if run.map_over is not None]
        self._items = {run.id: inline_items(run) for run in runs}
        self._units = plan.units or ()
        self._names = names
        self._sizes: dict[str, int] = {}

    def of(self, scope: Sequence) -> Iterator[Payload]:
        for step in scope.steps:
            yield from self._step(step)

    def _step(self, step: Step) -> Iterator[Payload]:
        match step:
            case Call():
                yield from self._call(step)
            case Decide(inputs=inputs, then=then, otherwise=otherwise):
                yield Payload(self._sent(inputs), "what decides a branch is sent")
                for inside in (*then, *otherwise):
                    yield from self._step(inside)
            case Tell(unit=unit, inputs=inputs):
                yield Payload(self._sent(inputs), f"what is told of {self._names[unit]}")
            case Nested(name=name, inputs=inputs, body=body, assigns=assigns):
                yield Payload(self._sent(inputs), f"what part {name!r} is given")
                yield from self.of(body)
                handed = {variable: self._size(source, step) for variable, source in assigns}
                self._sizes |= handed
                yield Payload(sum(handed.values()), f"what part {name!r} hands on")
            case Fork(branches=branches, assigns=assigns):
                what = f"what the fork at {self._names[first_unit((step,))]} joins"
                yield from self._joined(branches, assigns, what)
            case Guard(body=body, assigns=assigns):
                yield from self._joined((body,), assigns, "what the flow hands out")

    def _call(self, call: Call) -> Iterator[Payload]:
        name = "the return value" if call.unit is None else self._names[call.unit]
        yield Payload(self._sent(call.inputs), f"what {name} is sent")
        each = self._answered(call)
        count = 1 if call.want is None else len(call.want)
        told = TRUTH_BYTES * len(call.truths)
        yield Payload(each * count + told, f"what {name} answers")
        self._sizes |= {variable: self._size(source, call) for variable, source in call.assigns}

    def _joined(
        self, branches: tuple[Sequence, ...], assigns: tuple[tuple[str, Source], ...], what: str
    ) -> Iterator[Payload]:
        sizes: list[dict[str, int]] = []
        for branch in branches:
            yield from self.of(branch)
            last = branch.steps[-1]
            sizes.append({key: self._size(source, last) for key, source in branch.yields})
        yield Payload(sum(sum(each.values()) for each in sizes), what)
        for variable, source in assigns:
            assert source.branch is not None
            assert source.key is not None
            self._sizes[variable] = sizes[source.branch][source.key]

    def _size(self, source: Source, last: Step) -> int:
        if source.variable is not None:
            return self._sizes[source.variable]
        if source.truth is not None:
            return TRUTH_BYTES
        if isinstance(last, Call):
            return self._answered(last)
        # What ends its scope and is no call hands on what is yielded within it.
        if isinstance(last, Nested):
            return self._size(dict(last.body.yields)[source.key or ""], last.body.steps[-1])
        assert isinstance(last, Fork)
        assert source.branch is not None
        branch = last.branches[source.branch]
        return self._size(dict(branch.yields)[source.key or ""], branch.steps[-1])

    def _sent(self, inputs: Inputs) -> int:
        results = sum(self._sizes.get(variable, HANDED_BYTES) for _, variable in inputs.results)
        results += sum(map(len, inputs.joined))
        return results + PARAMETERS_BYTES * inputs.parameters

    def _answered(self, call: Call) -> int:
        """Return how large each value may be that a call answers; of a map, all its items."""
        limit = HANDED_BYTES if call.limit is None else call.limit
        alone = call.unit is not None and self._units[call.unit].task_runs[:2]
        return limit * self._items.get(alone[0], 1) if alone and len(alone) == 1 else limit
