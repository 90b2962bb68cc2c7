"""`serializer="pickle"`: any Python object crosses, for the tasks that ask for it by name."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from dagy import flow, task
from dagy.errors import CodecError
from dagy.testing import run_in_memory
from dagy.values import from_text, to_text
from dagy.values.artifacts import Pickled, TemporaryStore
from tests.flows import isolated_flows


class Model:
    def __init__(self, weight, conn=None):
        self.weight = weight
        self.conn = conn


@dataclass
class Held:
    model: Any


@task(serializer="pickle")
def trained(weight):
    return {"best": Model(weight), "all": [Model(1), Held(2)], "plain": ({3}, 1j)}


@task
def used(model: Model):
    return model.weight


@task
def kinds(values):
    return [type(value).__name__ for value in values]


def test_what_such_a_task_returns_comes_back_as_what_it_was():
    @flow
    def using():
        result = trained(7)
        return [used(result["best"]), kinds(result["plain"]), kinds(result["all"])]

    run = run_in_memory(using).raise_on_failure()
    assert run.result == [7, ["set", "complex"], ["Model", "Held"]]


def test_it_can_be_mapped_over_cached_by_and_returned():
    @task(cache=True)
    def weighed(model):
        return getattr(model, "weight", 0)

    @flow
    def using():
        result = trained(7)
        return {"best": result["best"], "all": weighed.map(result["all"])}

    run = run_in_memory(using).raise_on_failure()
    assert (run.result["best"].weight, run.result["all"]) == (7, [1, 0])
    assert run.task_runs["trained"].output["best"].weight == 7


def test_it_crosses_to_and_from_a_process():
    assert run_in_memory(isolated_flows.moving).raise_on_failure().result.x == 5


def test_without_it_nothing_is_pickled():
    @task
    def unasked():
        return [Model(1)]

    @flow
    def single():
        return unasked()

    error = run_in_memory(single).error
    assert "result[0] is of type tests.test_pickles.Model, which cannot cross" in error.message


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (lambda: 1, "value is of type function: it cannot be pickled"),
        ({"rows": [1, Model(1, sqlite3.connect(":memory:"))]}, "value['rows'][1].conn is of type sqlite3.Connection"),
        ((Held({"key": SecretStr("s")}),), "value[0].model['key'] is of type pydantic.types.SecretStr"),
    ],
)  # fmt: skip
def test_what_cannot_be_pickled_is_named_with_its_path(value, where):
    with pytest.raises(CodecError) as refusal:
        to_text(Pickled(value), TemporaryStore())
    assert where in str(refusal.value)


def test_what_holds_itself_and_cannot_be_pickled_is_named_too():
    value = Model(1)
    value.conn = [value, lambda: 1]
    with pytest.raises(CodecError, match=r"value.conn\[1\] is of type function"):
        to_text(Pickled(value), TemporaryStore())


def test_without_a_place_for_artifacts_it_is_refused_under_its_own_name():
    with pytest.raises(CodecError, match="value is of type tests.test_pickles.Model: a run keeps"):
        to_text(Pickled(Model(1)))


def test_a_pickle_is_opened_only_where_the_reference_says_that_it_is_one():
    store = TemporaryStore()
    text = to_text(Pickled({1}), store)
    assert from_text(text, store) == {1}
    assert isinstance(from_text(text.replace('"pickle"', '"bytes"', 1), store), bytes)


def test_a_pickle_whose_class_is_gone_says_so():
    store = TemporaryStore()
    text = to_text(Pickled(Model(1)), store)
    [file] = store.folder.iterdir()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"Model", b"Moved"))
    with pytest.raises(CodecError, match="cannot be read: Can't get attribute 'Moved'"):
        from_text(text, store)
