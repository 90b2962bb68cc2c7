"""The states of a mapped task run: how many items there are, and what runs for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagy.mapping import known_length
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.asl import (
    Catcher,
    Choice,
    Map,
    Pass,
    Processor,
    ProcessorConfig,
    Rule,
    State,
    Task,
)
from dagy_compiler.attempt_states import AttemptStates, Calls, GivenUp
from dagy_compiler.container_states import jsonata
from dagy_compiler.item_states import (
    OUTPUTS,
    enough_succeeded,
    item_raised,
    item_tolerated,
    too_many_failed,
)
from dagy_compiler.jsonata import expression, text
from dagy_compiler.limits import INLINE_ITEMS, MANY_AT_ONCE, STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.states import (
    NO_OUTPUT,
    OUTPUT,
    REDRIVEN,
    REDRIVES,
    Ending,
    asking,
    surfacing,
)

TOO_MANY_FAILED = "States.ExceedToleratedFailureThreshold"

ITEM = expression("$states.context.Map.Item.Value")


def inline_items(run: TaskRunSpec) -> int:
    """Return how many values a map may be that passes by itself; one of more items is stored."""
    length = known_length(run)
    return INLINE_ITEMS if length is None else min(length, INLINE_ITEMS)


@dataclass(frozen=True, slots=True)
class Items:
    """What a flow says of the items of a map.

    Attributes:
        length: how many there are; None if only a worker can tell.
        at_once: how many may run at once; None for as many as there can be.
        may_fail: how many may fail, or what share of them; None for none.
    """

    length: int | None
    at_once: int | None
    may_fail: float | None


def items_of(task: TaskSpec, run: TaskRunSpec) -> Items:
    """Return what is said of the items of a mapped task run."""
    return Items(known_length(run), task.concurrency_limit, task.tolerated_failures)


class MapStates:
    """A map over a list that is known when the execution comes to it.

    A worker counts the items, unless their number stands in the flow: then there is one of the two
    Maps, and nothing to choose. Up to 40 run in an inline Map, whose result is the list of their
    outputs. More of them run in a distributed Map, each in an execution of its own: the history of
    this one stays short, and each stores its output under its index. Such an execution sees no
    variable of this one, so all that its calls are sent is in its input; and its error becomes one
    of the Map's own, so the first item that fails also stores its error, and another worker raises
    it here. A redrive after that begins with the count again, and items whose outputs are stored
    run no more.

    Where failures of items are tolerated, no item fails; see `item_states`.

    Args:
        name: of the first state.
        calls: that are made for an item; their content says of which attempt of the flow it is,
            where there may be several.
        items: of the map.
        ending: how the map hands over when all items are done; the variable that it assigns, if
            it does, is for the list of their outputs.
        names: gives the further states their names.
    """

    def __init__(
        self, name: str, calls: Calls, items: Items, ending: Ending, names: UniqueNames
    ) -> None:
        self._name = name
        self._calls = calls
        self._content = calls.content
        self._comment = calls.comment
        self._id: str = calls.content["tasks"][0]
        self._length = items.length
        self._limit = items.at_once
        self._tolerated = items.may_fail or None
        self._ending = ending
        self._kept = next(iter(ending.assign or ()), None)
        self._names = names
        last = "$states.input - 1" if self._length is None else self._length - 1
        self._indices = expression(f"[0..{last}]")
        self._too_many = self._claim("too many failed") if self._tolerated else ""

    def states(self) -> dict[str, State]:
        """Return them by name, the first one first."""
        if self._length is not None:
            is_few = self._length <= INLINE_ITEMS
            states = self._inline(self._name) if is_few else self._distributed(self._name)
            return {**states, **self._failing()}
        choose = self._claim("how many")
        few, many = self._claim("each"), self._claim("each of many")
        ask = {key: value for key, value in self._content.items() if key in _ENVIRONS}
        count = Ending(choose, expression("$states.result.Payload.count"))
        few_rule = Rule(condition=expression(f"$states.input <= {INLINE_ITEMS}"), next=few)
        return {
            self._name: asking(
                {"count": self._id, **ask}, count, comment=f"How many items {self._comment} has"
            ),
            choose: Choice(choices=(few_rule,), default=many),
            **self._inline(few),
            **self._distributed(many),
            **self._failing(),
        }

    def _claim(self, what: str) -> str:
        return self._names.claim(state_name(f"{self._name[: STATE_NAME_CHARACTERS - 20]} ({what})"))

    def _inline(self, name: str) -> dict[str, State]:
        content = {**self._content, "item": expression("$states.input.item")}
        output: Any = NO_OUTPUT if self._kept is None else expression(OUTPUT)
        body = self._item("item", content, Ending(None, output), ("item",))
        gathered = self._claim("gather")
        counted = self._counted("how many failed", gathered)
        return {
            name: Map(
                comment=self._comment,
                items=self._indices,
                item_selector={"item": ITEM},
                max_concurrency=min(self._limit or INLINE_ITEMS, INLINE_ITEMS),
                item_processor=Processor(
                    processor_config=ProcessorConfig(mode="INLINE"),
                    start_at=next(iter(body)),
                    states=body,
                ),
                next=next(iter(counted), gathered),
            ),
            **counted,
            gathered: self._gather(expression(OUTPUTS if self._tolerated else "$states.input")),
        }

    def _distributed(self, name: str) -> dict[str, State]:
        call = {key: value for key, value in self._content.items() if key in _ENVIRONS}
        call |= {**_whose(self._content), "redrives": expression(REDRIVES)}
        given = {key: expression(f"$states.input.call.{key}") for key in call}
        content = {**self._content, **given, "item": expression("$states.input.item"), "keep": True}
        body = self._item("one item", content, Ending(None, NO_OUTPUT), ("item", "call"))
        gathered = self._claim("gather many")
        counted = self._counted("how many of many failed", gathered)
        surface = "" if self._tolerated else self._claim("item failed")
        stored = {"claims": self._stored(), "count": expression("$count($states.input)")}
        return {
            name: Map(
                comment=self._comment,
                items=self._indices,
                item_selector={"item": ITEM, "call": call},
                max_concurrency=min(self._limit or MANY_AT_ONCE, MANY_AT_ONCE),
                item_processor=Processor(
                    processor_config=ProcessorConfig(mode="DISTRIBUTED", execution_type="STANDARD"),
                    start_at=next(iter(body)),
                    states=body,
                ),
                catch=(_catcher(surface),) if surface else None,
                next=next(iter(counted), gathered),
            ),
            **counted,
            gathered: self._gather(stored),
            **({surface: self._surface()} if surface else {}),
        }

    def _surface(self) -> Task:
        return surfacing(
            {"surface": self._id, **_whose(self._content)},
            Ending(self._name, NO_OUTPUT),
            f"Raises the error of the item of {self._comment} that failed first",
        )

    def _stored(self) -> str:
        """Return what the keys of outputs begin with, as `dagy.worker.claims.prefix_of` does."""
        if "flow_attempt" not in self._content:
            return self._id
        return expression(f"{text(f'{self._id}/')} & {jsonata(self._content['flow_attempt'])}")

    def _item(
        self, what: str, content: Mapping[str, Any], ending: Ending, carried: tuple[str, ...]
    ) -> dict[str, State]:
        name = self._claim(what)
        given_up = None
        failing: dict[str, State] = {}
        if self._tolerated or "keep" in content:
            told = {"item": content["item"], **_whose(content)}
            if not self._tolerated:
                told["redriven"] = content["redrives"]
            given_up = GivenUp(self._claim(f"{what} failed"), told)
            ends = item_tolerated if self._tolerated else item_raised
            failing = {given_up.next: ends(self._id, told, self._comment)}
        calls = replace(self._calls, content=content)
        states = AttemptStates(name, calls, ending, self._names, carried, given_up).states()
        return {**states, **failing}

    def _counted(self, what: str, following: str) -> dict[str, State]:
        """Return the state that tells whether too many items failed, if some may."""
        if self._tolerated is None:
            return {}
        return {self._claim(what): enough_succeeded(self._tolerated, following, self._too_many)}

    def _failing(self) -> dict[str, State]:
        if self._tolerated is None:
            return {}
        anew = Ending(self._name, NO_OUTPUT)
        failing = too_many_failed(self._id, _whose(self._content), anew, self._comment)
        return {self._too_many: failing}

    def _gather(self, outputs: Any) -> Pass:
        ending = self._ending
        if self._kept is not None:
            ending = replace(ending, assign={self._kept: outputs})
        return Pass(**ending.fields())


def _catcher(surface: str) -> Catcher:
    return Catcher(error_equals=(TOO_MANY_FAILED,), output=REDRIVEN, next=surface)


def _whose(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what says in a call whose values it stores and reads."""
    return {key: content[key] for key in ("run", "flow_attempt") if key in content}


_ENVIRONS = frozenset({"parameters", "most", "results", "joined", "run", "flow_attempt"})
"""What every call of the task is sent, whatever it asks for."""
