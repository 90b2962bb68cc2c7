"""Random worlds: flows of any shape, under any policies, with a script of what each attempt does.

Tasks are kinds with a policy; task runs are calls of them. The output of a call says which call it
is of and what it was given, and holds a list: others map over that list, and branch on whether it
is empty. So a world is described by numbers alone, and what it must come to is easy to tell.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from dagy import FlowSpec, TaskRunSpec, TaskSpec

TIMEOUT = 100
FLOW_DELAY = 7


@dataclass(frozen=True)
class Kind:
    """The policy of a task."""

    retries: int
    delay: float | list[float] | None
    limit: int | None
    has_timeout: bool
    hooked: bool
    cached: bool
    tolerated: int | float | None


@dataclass(frozen=True)
class Join:
    """What a branch on a call came to: on either side a source, or None for no value."""

    condition: int
    then: "Source | None"
    otherwise: "Source | None"


Source = int | Join
"""Where a value comes from: a call, by its number, or a join."""


@dataclass(frozen=True)
class Call:
    """A task run.

    Attributes:
        kind: number of its kind.
        inputs: what it is given.
        over: what it is mapped over, if it is mapped.
        when: the branches that it is in, outermost first: a call and the side.
        width: length of the list in its output.
        script: what its attempts do: ok, fail, fatal (never retried), or slow.
    """

    kind: int
    inputs: list[Source]
    over: Source | None
    when: list[tuple[int, bool]]
    width: int
    script: list[str]

    def step(self, round: int, item: int, attempt: int) -> str:
        """What an attempt does; beyond the end of the script it goes well."""
        return dict(enumerate(self.script)).get(2 * round + item + attempt - 1, "ok")

    @property
    def depends_on(self) -> list[int]:
        sources = [*(condition for condition, _ in self.when), *self.sources]
        return list(dict.fromkeys(call for source in sources for call in calls_in(source)))

    @property
    def needs(self) -> set[int]:
        """What must have an output: all that it depends on but the sides of joins."""
        always = [each.condition if isinstance(each, Join) else each for each in self.sources]
        sides = {call for each in self.sources for call in calls_in(each)} - set(always)
        return set(self.depends_on) - sides

    @property
    def sources(self) -> list[Source]:
        return self.inputs if self.over is None else [self.over, *self.inputs]


@dataclass(frozen=True)
class World:
    """A flow, and what becomes of it.

    Attributes:
        kinds: its tasks.
        calls: its task runs.
        returned: what the flow returns.
        retries: of the flow as a whole.
        crash_after: after how many lines the journal ends, before the run is resumed; None for a
            run that is not.
    """

    kinds: list[Kind]
    calls: list[Call]
    returned: list[Source]
    retries: int
    crash_after: int | None


def calls_in(source):
    match source:
        case None:
            return []
        case Join():
            sides = calls_in(source.then) + calls_in(source.otherwise)
            return [source.condition, *sides]
        case _:
            return [source]


@st.composite
def worlds(draw):
    kinds = draw(st.lists(_kinds, min_size=1, max_size=3))
    calls = []

    def block(visible, when, size):
        """Draw calls and branches; return all whose value can be used where they end."""
        visible = list(visible)
        for _ in range(draw(size)):
            choices = [source for source in visible if not isinstance(source, Join)]
            if choices and len(when) < 2 and draw(_seldom):
                visible.append(branch(visible, when, draw(st.sampled_from(choices))))
            else:
                calls.append(call(visible, when))
                visible.append(len(calls) - 1)
        return visible

    def branch(visible, when, condition):
        sides = []
        for side in (True, False):
            inner = block(visible, [*when, (condition, side)], st.integers(0, 2))
            sides.append(inner[-1] if len(inner) > len(visible) else None)
        return Join(condition, *sides)

    def call(visible, when):
        sources = st.sampled_from(visible) if visible else st.nothing()
        return Call(
            kind=draw(st.integers(0, len(kinds) - 1)),
            inputs=draw(st.lists(sources, unique=True, max_size=3)) if visible else [],
            over=draw(sources) if visible and draw(_seldom) else None,
            when=when,
            width=draw(st.integers(0, 3)),
            script=draw(st.lists(_steps, max_size=6)),
        )

    returned = block([], [], st.integers(1, 6))
    return World(
        kinds,
        calls,
        returned,
        retries=draw(st.integers(0, 2)),
        crash_after=draw(st.none() | st.integers(0, 40)),
    )


_seldom = st.sampled_from([False, False, True])
_steps = st.sampled_from(["ok", "ok", "ok", "fail", "fatal", "slow"])
_kinds = st.builds(
    Kind,
    retries=st.integers(0, 2),
    delay=st.sampled_from([None, 0, 2.5, [1, 3]]),
    limit=st.sampled_from([None, None, 1, 2]),
    has_timeout=st.booleans(),
    hooked=st.booleans(),
    cached=_seldom,
    tolerated=st.sampled_from([None, None, 1, 0.5]),
)


def spec_of(world):
    """Return a world's flow as a FlowSpec."""
    task_runs = [
        TaskRunSpec(
            f"t{index}",
            f"k{call.kind}",
            [f"t{number}" for number in call.depends_on],
            [
                index,
                None if call.over is None else _listed(world, call.over),
                [_whole(world, each) for each in call.inputs],
            ],
            {},
            None,
            map_over=None if call.over is None else [1],
            when=[[_listed(world, condition), side] for condition, side in call.when],
        )
        for index, call in enumerate(world.calls)
    ]
    tasks = {
        f"k{index}": TaskSpec(
            f"k{index}", "m:f", None, None, kind.retries, kind.delay,
            TIMEOUT if kind.has_timeout else None, kind.limit, cache={} if kind.cached else None,
            tolerated_failures=kind.tolerated,
        )
        for index, kind in enumerate(world.kinds)
    }  # fmt: skip
    edges = [[dependency, run.id] for run in task_runs for dependency in run.depends_on]
    outputs = [_whole(world, source) for source in world.returned]
    return FlowSpec(
        "random", "1", "", tasks, task_runs, edges, outputs, [],
        retries=world.retries, retry_delay_seconds=FLOW_DELAY,
    )  # fmt: skip


def _whole(world, source):
    return None if source is None else _reference(world, source, _whole, [])


def _listed(world, source):
    """Refer to the list in a source; a map's output is one."""
    is_mapped = isinstance(source, int) and world.calls[source].over is not None
    path = [] if is_mapped else ["items"]
    return [] if source is None else _reference(world, source, _listed, path)


def _reference(world, source, side, path):
    if isinstance(source, Join):
        return {
            "$branch": _listed(world, source.condition),
            "then": side(world, source.then),
            "otherwise": side(world, source.otherwise),
        }
    return {"$task": f"t{source}", "path": path} if path else {"$task": f"t{source}"}
