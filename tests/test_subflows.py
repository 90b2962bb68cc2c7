"""A flow called inside a flow: its tasks become part of the graph, under its name."""

import pytest

from dagy import flow, task
from dagy.errors import ParameterError, TraceError
from dagy.testing import run_in_memory


@task
def fetch(source: str) -> list[int]:
    return [len(source)]


@task
def total(*rows: list) -> int:
    return sum(map(sum, rows))


@flow
def ingest(source: str, scale: int = 1):
    rows = fetch(source)
    return {"rows": rows, "scale": scale}


def test_the_tasks_of_an_inner_flow_get_ids_that_begin_with_its_name():
    @flow
    def outer(site: str):
        web, shop = ingest(site), ingest("shop", scale=2)
        return total(web["rows"], shop["rows"])

    assert [run.id for run in outer.build().task_runs] == [
        "ingest.fetch",
        "ingest-2.fetch",
        "total",
    ]
    assert run_in_memory(outer, site="web").result == 7


def test_flows_nest_to_any_depth():
    @flow
    def middle(source):
        return ingest(source)["rows"]

    @flow
    def outer():
        return total(middle("a"), middle("bc"))

    assert [run.id for run in outer.build().task_runs][:2] == [
        "middle.ingest.fetch",
        "middle-2.ingest.fetch",
    ]
    assert run_in_memory(outer).result == 3


def test_the_arguments_of_an_inner_flow_are_checked():
    @flow
    def wrong_type():
        ingest("a", scale="big")

    @flow
    def missing():
        ingest()

    with pytest.raises(ParameterError, match="flow 'ingest': parameter 'scale' must be int"):
        wrong_type.build()
    with pytest.raises(TraceError, match="flow 'ingest' cannot be called so: missing a required"):
        missing.build()


def test_a_flow_that_calls_itself_is_refused():
    @flow
    def endless(n: int):
        return endless(n)

    with pytest.raises(TraceError, match="'endless' calls itself"):
        endless.build()


def test_an_inner_flow_cannot_have_retries_or_hooks_of_its_own():
    @flow(retries=2)
    def stubborn():
        pass

    @flow
    def outer():
        stubborn()

    with pytest.raises(TraceError, match="has retries or hooks, .* put them on its tasks"):
        outer.build()
