"""Flows of any size whose tasks do nothing, for measuring all that is not a task."""

from dagy import Flow, flow, task


@task
def noop(previous=None):
    return None


def chain(size: int) -> Flow:
    """Each task waits for the one before it."""

    @flow(name=f"chain_{size}")
    def chained():
        output = None
        for _ in range(size):
            output = noop(output)

    return chained


def fan_out(size: int) -> Flow:
    """All tasks are ready at once."""

    @flow(name=f"fan_out_{size}")
    def fanned():
        for _ in range(size):
            noop()

    return fanned


def layered(layers: int, width: int) -> Flow:
    """Each task of a layer waits for two of the layer before it."""

    @flow(name=f"layered_{layers}x{width}")
    def in_layers():
        layer = [noop() for _ in range(width)]
        for _ in range(layers - 1):
            layer = [noop([layer[i], layer[(i + 1) % width]]) for i in range(width)]

    return in_layers
