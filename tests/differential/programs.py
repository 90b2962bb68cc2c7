"""Random flows, as data that hypothesis can shrink, and as functions that can be traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from dagy import branch, unmapped
from dagy.mapping import tolerable
from dagy.symbols import BranchOutput
from dagy_compiler.limits import INLINE_ITEMS
from tests.differential import palette

ODD_TEXTS = st.sampled_from(
    [
        *("{% 1 + 1 %}", "${WorkerFunctionArn}", "{{resolve:ssm:x}}", '"quoted"\\n', "ünï\u2028"),
        *("", "null", '{"claim":"x"}', "$states.input", "Dagy.Retry", "{%", "%}"),
    ]
)
MARKS_AND_REFERENCES = st.sampled_from(
    ["$artifact", "$codec", "$plain", "$task", "$param", "$branch", "$literal"]
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=6),
        ODD_TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=4) | ODD_TEXTS, inner, max_size=3),
        st.dictionaries(MARKS_AND_REFERENCES, inner, min_size=1, max_size=1),
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Call:
    """One call of a task.

    Attributes:
        task: index into the palette.
        order: what it is to do.
        reads: earlier outputs that it is given, counted back from here.
        after: earlier outputs that it only waits for.
    """

    task: int
    order: dict[str, Any]
    reads: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Repeated:
    """So many calls of a task with the same, as a loop of the flow makes them."""

    call: Call
    times: int


@dataclass(frozen=True)
class Mapped:
    """A task over a list of some length.

    Attributes:
        task: index into the palette.
        order: what it is to do.
        width: length of the list.
        tolerated: how many items may fail, or what share of them.
        after: earlier outputs that it waits for, counted back from here.
        is_known: whether the list stands in the flow; else a task makes it.
    """

    task: int
    order: dict[str, Any]
    width: int
    tolerated: float | None = None
    after: tuple[int, ...] = ()
    is_known: bool = False


@dataclass(frozen=True)
class Branched:
    """One of two sides.

    Attributes:
        condition: an earlier output, counted back from here.
        then: where what decides is true.
        otherwise: where it is false.
        by: what decides: `part` of what a task makes of that output, a `value` that a task makes,
            the `earlier` output itself, the flow's `parameter`, or what decided the branch `before`
            this or around it.
        value: that of `value`.
        is_read: whether what it comes to is read by the next as it is, and not by way of a task.
    """

    condition: int
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    by: str = "part"
    value: Any = None
    is_read: bool = False


Statement = Call | Repeated | Mapped | Branched


@dataclass(frozen=True)
class Drawn:
    """A flow.

    Attributes:
        statements: what it does, in order.
        returns: earlier outputs that it returns, counted back from the end; one alone as it is.
        policy: its own options.
        default: the value of its parameter.
    """

    statements: tuple[Statement, ...]
    returns: tuple[int, ...]
    policy: dict[str, Any] = field(default_factory=dict)
    default: Any = None

    def is_distributed(self) -> bool:
        """Whether a map has more items than an inline Map takes."""
        return any(map(_is_distributed, self.statements))

    def tolerates(self) -> bool:
        """Whether failures of some items are tolerated."""
        return any(map(_tolerates, self.statements))

    def body(self) -> Callable[[], Any]:
        """Return the function of the flow."""

        def body(given: Any = self.default) -> Any:
            scope = _Scope(given)
            for statement in self.statements:
                _do(statement, scope)
            found = [_earlier(scope.outputs, back) for back in self.returns]
            return found[0] if len(found) == 1 else found

        return body


def _is_distributed(statement: Statement) -> bool:
    match statement:
        case Mapped(width=width):
            return width > INLINE_ITEMS
        case Branched(then=then, otherwise=otherwise):
            return any(map(_is_distributed, (*then, *otherwise)))
    return False


def _tolerates(statement: Statement) -> bool:
    match statement:
        case Mapped(tolerated=tolerated):
            return bool(tolerated)
        case Branched(then=then, otherwise=otherwise):
            return any(map(_tolerates, (*then, *otherwise)))
    return False


def _earlier(outputs: list[Any], back: int) -> Any:
    return outputs[-1 - back % len(outputs)] if outputs else None


@dataclass
class _Scope:
    """What a statement can refer to.

    Attributes:
        given: the flow's parameter.
        outputs: of earlier statements.
        decided: what has decided earlier branches, and those around.
    """

    given: Any
    outputs: list[Any] = field(default_factory=list)
    decided: list[Any] = field(default_factory=list)

    def inner(self) -> _Scope:
        return _Scope(self.given, list(self.outputs), list(self.decided))


def _do(statement: Statement, scope: _Scope) -> None:
    outputs = scope.outputs
    match statement:
        case Call(task=task, order=order, reads=reads, after=after):
            read = [_earlier(outputs, back) for back in reads]
            outputs.append(palette.TASKS[task](order, *read, **_awaited(outputs, after)))
        case Repeated(call=call, times=times):
            before = scope.inner()
            for _ in range(times):
                inside = before.inner()
                _do(call, inside)
                outputs.append(inside.outputs[-1])
        case Mapped(task=task, order=order, width=width, tolerated=tolerated, after=after):
            waits, call = _awaited(outputs, after), _tolerant(task, tolerated)
            if statement.is_known:
                outputs.append(call.map(unmapped(order), range(width), **waits))
            else:
                outputs.append(call.map(unmapped(order), palette.numbers({}, width, **waits)))
        case Branched(then=then, otherwise=otherwise):
            if not outputs:
                some = statement.condition % 2
                made = palette.plain({"fails": 0, "value": [some] * some}, scope.given)
                outputs.append(made)
            decided = _decided(statement, scope)
            scope.decided.append(decided)
            chosen = branch(decided, _side(then, scope), _side(otherwise, scope))
            outputs.append(chosen if statement.is_read else palette.plain({"fails": 0}, chosen))


def _awaited(outputs: list[Any], after: tuple[int, ...]) -> dict[str, Any]:
    found = [_earlier(outputs, back) for back in after if outputs]
    return {"wait_for": found} if found else {}


@cache  # the same task each time
def _tolerant(task: int, tolerated: float | None) -> Any:
    found = palette.TASKS[task]
    if tolerated is None:
        return found
    name = f"{found.name}_tolerating_{tolerated}"
    return found.with_options(name=name, tolerated_failures=tolerated)


def _decided(statement: Branched, scope: _Scope) -> Any:
    earlier = _earlier(scope.outputs, statement.condition)
    match statement.by:
        case "value":
            return palette.plain({"fails": 0, "value": statement.value}, earlier)
        case "earlier" if not isinstance(earlier, BranchOutput):
            return earlier
        case "parameter":
            return scope.given
        case "before" if scope.decided:
            return scope.decided[-1 - statement.condition % len(scope.decided)]
    return palette.plain({"fails": 0}, earlier)[0]


def _side(statements: tuple[Statement, ...], scope: _Scope) -> Callable[[], Any]:
    def side() -> Any:
        inside = scope.inner()
        for statement in statements:
            _do(statement, inside)
        return inside.outputs[len(scope.outputs) :]

    return side


@st.composite
def orders(draw: st.DrawFn, fails: int, broken: tuple[int, ...] = ()) -> dict[str, Any]:
    order: dict[str, Any] = {"fails": fails, **({"broken": list(broken)} if broken else {})}
    if fails or broken:
        order["error"] = draw(st.sampled_from(sorted(palette.ERRORS)))
        order["says"] = draw(ODD_TEXTS)
    if draw(st.booleans()):
        order["value"] = draw(VALUES)
    return order


def _fails_before_success(task: int) -> int:
    fn = palette.TASKS[task]
    return 0 if fn in (palette.choosy, palette.undecided) else fn.retries


@st.composite
def calls(draw: st.DrawFn, tasks: int) -> Call:
    task = draw(st.integers(0, tasks - 1))
    fails = draw(st.integers(0, _fails_before_success(task)))
    back = st.lists(st.integers(0, 5), max_size=3)
    return Call(task, draw(orders(fails)), tuple(draw(back)), tuple(draw(back)[:1]))


TOLERATED = st.sampled_from([None, None, 0, 1, 2, 0.1, 0.5, 1 / 3])


@st.composite
def maps(draw: st.DrawFn, tasks: int) -> Mapped:
    task = draw(st.integers(0, tasks - 1))
    fails = draw(st.integers(0, _fails_before_success(task)))
    width = draw(st.sampled_from([0, 1, 2, 3, 41]))
    tolerated = draw(TOLERATED)
    items = st.sets(st.integers(0, width - 1), max_size=tolerable(tolerated, width))
    broken = draw(items) if width and tolerated else ()
    order, is_known = draw(orders(fails, tuple(broken))), draw(st.booleans())
    return Mapped(task, order, width, tolerated, is_known=is_known)


@st.composite
def failing_maps(draw: st.DrawFn, tasks: int) -> Mapped:
    """Maps of which one item too many fails, and none comes after that."""
    task = draw(st.integers(0, tasks - 1))
    tolerated = draw(TOLERATED)
    # moto's engine lets a distributed Map succeed although an item has failed.
    width = draw(st.sampled_from([1, 2, 3, 41] if tolerated else [1, 2, 3]))
    allowed = min(tolerable(tolerated, width), width - 1)
    tolerated = min(tolerated, allowed) if isinstance(tolerated, int) else tolerated
    sizes = {"min_size": allowed, "max_size": allowed}
    others = draw(st.sets(st.integers(0, width - 2), **sizes)) if allowed else set()
    broken = (*others, width - 1)
    order, is_known = draw(orders(0, broken)), draw(st.booleans())
    return Mapped(task, order, width, tolerated, tuple(range(30)), is_known)


DECIDED = st.sampled_from(["part", "part", "value", "earlier", "parameter", "before"])


def statements(tasks: int, depth: int = 2) -> st.SearchStrategy[Statement]:
    simple = st.one_of(calls(tasks), calls(tasks), calls(tasks), maps(tasks))
    if not depth:
        return simple
    sides = st.lists(statements(tasks, depth - 1), max_size=2).map(tuple)
    branched = st.builds(
        Branched, st.integers(0, 5), sides, sides, DECIDED, VALUES, is_read=st.booleans()
    )
    return st.one_of(simple, simple, branched)


POLICIES = st.sampled_from(
    [
        {},
        {},
        {"retries": 1, "retry_delay_seconds": 1.001},
        {"retries": 2, "retry_condition_fn": palette.is_temporary, **palette.HOOKS},
        palette.HOOKS,
    ]
)


@st.composite
def programs(draw: st.DrawFn, tasks: int = len(palette.TASKS)) -> Drawn:
    """Flows that succeed, after failures that are retried.

    Args:
        draw: hypothesis's own.
        tasks: how many of the palette they may call; without the last, none is in a container, and
            without the last three, none is retried natively.
    """
    found = draw(st.lists(statements(tasks), min_size=1, max_size=5))
    returns = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    return Drawn(tuple(found), returns, draw(POLICIES), draw(VALUES))


@st.composite
def branching_programs(draw: st.DrawFn, tasks: int = len(palette.TASKS)) -> Drawn:
    """Flows that succeed, with branches one after another and in another on the same value.

    A side reads or waits for what the branches before it came to, whichever side made that.
    """

    def side(depth: int) -> tuple[Statement, ...]:
        kinds = st.lists(st.sampled_from(["call", "call", "branch"]), max_size=2)
        return tuple(
            branched(depth - 1) if kind == "branch" and depth else called() for kind in draw(kinds)
        )

    def called() -> Call:
        earlier = st.lists(st.integers(0, 2), max_size=3).map(tuple)
        return replace(draw(calls(tasks)), reads=draw(earlier), after=draw(earlier)[:1])

    def branched(depth: int) -> Branched:
        by = st.sampled_from(["before", "before", "before", "value"])
        which, is_read = draw(st.integers(0, 1)), draw(st.booleans())
        return Branched(which, side(depth), side(depth), draw(by), draw(VALUES), is_read)

    found: list[Statement] = draw(st.lists(calls(tasks), max_size=1))
    found += [replace(branched(1), by=draw(DECIDED)), *(branched(2) for _ in range(3))]
    returns = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=3)))
    return Drawn(tuple(found), returns, draw(POLICIES), draw(VALUES))


@st.composite
def repeating_programs(draw: st.DrawFn, tasks: int = len(palette.TASKS)) -> Drawn:
    """Flows that succeed and call a task several times at once, so that one Map may do it."""
    found: list[Statement] = draw(st.lists(calls(tasks), max_size=1))
    for _ in range(draw(st.integers(1, 2))):
        found.append(Repeated(draw(calls(tasks)), draw(st.sampled_from([3, 4, 5]))))
        found += draw(st.lists(statements(tasks, 1), max_size=1))
    returns = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    return Drawn(tuple(found), returns, draw(POLICIES), draw(VALUES))


@st.composite
def crossed_programs(draw: st.DrawFn, tasks: int = len(palette.TASKS)) -> Drawn:
    """Flows that succeed, and that no sequences and parallels can order without adding to it."""
    found: list[Statement] = []
    for _ in range(draw(st.integers(1, 3))):
        found += draw(st.lists(statements(tasks, 1), max_size=2))
        # An N: one of two is read by two, the other by one of them.
        reads = [(0, 1), (1,)] if draw(st.booleans()) else [(1,), (1, 2)]
        one, two, three, four = (draw(calls(tasks)) for _ in range(4))
        earlier = st.sets(st.integers(2, 7), max_size=1).map(tuple)
        found += [replace(each, reads=draw(earlier), after=()) for each in (one, two)]
        found += [replace(three, reads=reads[0]), replace(four, reads=reads[1], after=())]
    returns = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    return Drawn(tuple(found), returns, draw(POLICIES), draw(VALUES))


@st.composite
def failing_programs(
    draw: st.DrawFn,
    tasks: int = len(palette.TASKS),
    drawn: Callable[..., st.SearchStrategy[Drawn]] = programs,
) -> Drawn:
    """Flows in which one task fails for good, after all others: what else would run is chance."""
    program = draw(drawn(tasks))
    task = draw(st.integers(0, tasks - 1))
    last: Statement = Call(task, draw(orders(99)), after=tuple(range(30)))
    if draw(st.sampled_from([False, False, True])):
        last = draw(failing_maps(tasks))
    return replace(program, statements=(*program.statements, last))
