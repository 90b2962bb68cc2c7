"""Random flows for property tests."""

from hypothesis import strategies as st

from tests.compiler.flows import Flow, output, parameter


@st.composite
def flows(draw):
    """A random graph whose tasks read some of what they depend on, and a random return value."""
    flow = Flow("random")
    names = [f"t{number}" for number in range(draw(st.integers(0, 9)))]
    for position, name in enumerate(names):
        earlier = st.sampled_from(names[:position]) if position else st.nothing()
        read = draw(st.lists(earlier, unique=True, max_size=3)) if position else []
        after = draw(st.lists(earlier, unique=True, max_size=2)) if position else []
        retries = draw(st.integers(0, 3))
        delay = draw(st.sampled_from([None, 0, 1, [0, 1], [1, 2, 4], [3, 0, 2]]))
        extra = [parameter("day")] if draw(st.booleans()) else []
        arguments = [output(other) for other in read] + extra
        flow.task(name, *arguments, after=after, retries=retries, delay=delay)
    returned = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    outputs = draw(
        st.sampled_from([None, [output(name) for name in returned], {"day": parameter("day")}])
    )
    if returned and draw(st.booleans()):
        outputs = output(returned[0])
    return flow.returns(outputs)


@st.composite
def placed_flows(draw):
    """A random flow, some tasks of which ask for an executor or for memory."""
    spec = draw(flows())
    flow = Flow(spec.name)
    flow.runs = spec.task_runs
    needs = st.sampled_from([{}, {}, {"default_executor": "ecs"}, {"memory_mb": 4096}])
    for name, task in spec.tasks.items():
        flow.tasks[name] = type(task)(**{**vars(task), **draw(needs)})
    return flow.returns(spec.outputs)
