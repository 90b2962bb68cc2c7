"""Artifacts: frames, tables, arrays, bytes and files cross as files, and come back as they were."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from dagy import FileArtifact, branch, flow, task
from dagy.errors import CodecError
from dagy.history import Home, settle
from dagy.testing import run_in_memory
from dagy.values import from_text, to_text
from dagy.values.artifacts import ArtifactStore, TemporaryStore, names_in
from dagy.values.marks import parsed, spelled
from tests.flows import isolated_flows

PANDAS = pd.DataFrame({"n": [1, 2], "t": ["a", None]}, index=pd.Index(["x", "y"], name="key"))


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (PANDAS, lambda a, b: pd.testing.assert_frame_equal(a, b) is None),
        (pl.DataFrame({"n": [1, None]}), lambda a, b: a.equals(b)),
        (pa.table({"n": [1, None]}), lambda a, b: a.equals(b)),
        (np.arange(6, dtype="int16").reshape(2, 3), np.array_equal),
        (np.array("2026-01-31", dtype="datetime64[D]"), np.array_equal),
        (b"\x00\xff", bytes.__eq__),
    ],
    ids=["pandas", "polars", "arrow", "numpy", "numpy-scalar-array", "bytes"],
)
def test_each_kind_comes_back_as_what_it_was(tmp_path, value, same):
    store = ArtifactStore(tmp_path)
    text = to_text({"rows": [value, 1]}, store)
    arrived = from_text(text, store)["rows"][0]
    assert type(arrived) is type(value)
    assert same(arrived, value)
    assert to_text({"rows": [value, 1]}, store) == text
    assert len(os.listdir(tmp_path)) == 1


@given(numpy_strategies.arrays(numpy_strategies.scalar_dtypes(), st.integers(0, 5)))
def test_arrays_of_any_dtype_come_back_bit_for_bit(array):
    store = TemporaryStore()
    arrived = from_text(to_text(array, store), store)
    assert arrived.dtype == array.dtype
    assert arrived.tobytes() == array.tobytes()


def test_one_number_of_an_array_crosses_as_a_number():
    assert to_text([np.int64(3), np.float32(0.5), np.bool_(True)]) == "[3,0.5,true]"


class Frame(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.array([object()]), "Object arrays cannot be saved when allow_pickle=False"),
        (pd.DataFrame({"mixed": [1, "a"]}), "it cannot be written"),
        (pd.DataFrame({1: [1], "a": [2]}), "make texts of its column names"),
        (Frame({"n": [1]}), "of type tests.test_artifacts.Frame"),
        (np.ma.masked_array([1], [True]), "of type numpy.ma.MaskedArray"),
        (FileArtifact("/not/there"), "No such file"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_by_path(tmp_path, value, problem):
    with pytest.raises(CodecError) as refusal:
        to_text({"a": [value]}, ArtifactStore(tmp_path))
    assert refusal.value.path == "['a'][0]"
    assert problem in str(refusal.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["$artifact", "$codec"])
def test_no_data_can_be_mistaken_for_a_reference(tmp_path, kind):
    store = ArtifactStore(tmp_path)
    data = {kind: {"kind": "bytes", "file": "../../etc/passwd", "bytes": 1}}
    assert from_text(to_text([data, {kind: data}], store), store) == [data, {kind: data}]


@pytest.mark.parametrize("begun", ["$", "$$", "$$$artifact"])
def test_a_mark_is_told_from_what_looks_like_one(tmp_path, begun):
    store = ArtifactStore(tmp_path)
    value = [{"$artifact": {begun: b"1"}}, b"2", {"$codec": 1}, {begun: 1}, '{"$artifact":']
    text = to_text(value, store)
    assert from_text(text, store) == value
    assert len(names_in(text)) == 2
    assert spelled(parsed(text)) == text


def test_a_reference_leads_nowhere_but_into_the_store(tmp_path):
    text = '{"$artifact":{"kind":"bytes","file":"../../etc/passwd","bytes":1}}'
    with pytest.raises(CodecError, match="passwd is gone"):
        from_text(text, ArtifactStore(tmp_path))


def test_without_a_store_artifacts_are_refused_both_ways():
    with pytest.raises(CodecError, match="is of type bytes: a run keeps such a value in a file"):
        to_text(b"x")
    with pytest.raises(CodecError, match="kept by the run that made it"):
        from_text('{"$artifact":{"kind":"bytes","file":"x.bin","bytes":1}}')


def test_another_store_adopts_what_a_text_refers_to(tmp_path):
    old, new = ArtifactStore(tmp_path / "old"), ArtifactStore(tmp_path / "new")
    text = to_text({"a": [b"1", b"2"], "b": {"$artifact": 1}}, old)
    to_text(b"not wanted", old)
    new.adopt(text, old)
    new.adopt(text, old)
    for file in old.folder.iterdir():
        file.unlink()
    assert from_text(text, new)["a"] == [b"1", b"2"]
    assert len(list(new.folder.iterdir())) == 2


def test_a_framework_that_is_not_imported_is_not_imported():
    code = """
import sys
from dagy.values import to_text
from dagy.values.artifacts import TemporaryStore
to_text([b"x", {1}], TemporaryStore())
assert not {"numpy", "pandas", "polars", "pyarrow"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@task
def extract() -> dict:
    return {"frame": PANDAS, "report": FileArtifact.of_text("# Report", name="report.md")}


@task
def count(frame: pd.DataFrame, report: FileArtifact) -> list:
    return [int(frame["n"].sum()), report.name, report.read_text()]


@task
def frames(n: int) -> list[np.ndarray]:
    return [np.full(2, i) for i in range(n)]


@task
def total(array: np.ndarray) -> int:
    return int(array.sum())


@flow
def tables():
    found = extract()
    arrays = frames(3)
    return [count(found["frame"], found["report"]), total.map(arrays), arrays]


def test_tasks_hand_on_frames_arrays_and_files(home):
    for run in (tables.run_local(), run_in_memory(tables)):
        counted, totals, arrays = run.raise_on_failure().result
        assert counted == [3, "report.md", "# Report"]
        assert totals == [0, 2, 4]
        assert [array.tolist() for array in arrays] == [[0, 0], [1, 1], [2, 2]]


def test_the_files_are_beside_the_journal_and_go_with_the_run(home):
    run = tables.run_local()
    folder = home / "runs" / run.run_id / "artifacts"
    assert sorted(path.suffix for path in folder.iterdir()) == [".md"] + [".npy"] * 3 + [".parquet"]
    with open(folder.parent / "journal.jsonl") as journal:
        outputs = [json.loads(line).get("output") for line in journal]
    [reference] = [json.loads(text)["frame"] for text in outputs if text and "frame" in text]
    assert list(reference["$artifact"]) == ["kind", "file", "bytes"]
    tables.run_local(cleanup_keep_last=1)
    settle(Home.find())
    assert not folder.exists()


def test_an_argument_that_is_an_artifact_of_another_kind_is_refused():
    @task
    def wants(frame: pl.DataFrame):
        pass

    @flow
    def wrong():
        wants(extract()["frame"])

    assert "argument 'frame' must be DataFrame" in run_in_memory(wrong).error.message


@dataclass
class Batch:
    frame: pd.DataFrame
    day: date


@task
def batch() -> Batch:
    return Batch(PANDAS, date(2026, 1, 31))


@task
def unpacked(batch: Batch) -> list:
    return [type(batch).__name__, len(batch.frame), batch.day.year]


@flow
def batches():
    return unpacked(batch())


def test_a_dataclass_may_hold_a_frame():
    assert run_in_memory(batches).raise_on_failure().result == ["Batch", 2, 2026]


def test_what_cannot_be_read_says_what_is_missing(tmp_path, monkeypatch):
    store = ArtifactStore(tmp_path)
    text = to_text(pl.DataFrame({"n": [1]}), store)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "polars", None)
        with pytest.raises(CodecError, match="is a polars.DataFrame, and polars cannot be import"):
            from_text(text, store)
    [file] = tmp_path.iterdir()
    file.chmod(0o644)
    file.write_bytes(b"half of i")
    with pytest.raises(CodecError, match="parquet cannot be read"):
        from_text(text, store)


def test_artifacts_cross_to_another_process_and_back():
    assert run_in_memory(isolated_flows.reversing).raise_on_failure().result == b"cba"


@task
def shown(value: Any) -> str:
    return repr(value)


def test_a_branch_on_a_value_without_a_truth_fails_where_it_would_be_taken():
    @flow
    def choosing():
        return branch(extract()["frame"], lambda: shown(1), lambda: shown(2))

    run = run_in_memory(choosing)
    assert run.error.message.startswith("The truth value of a DataFrame is ambiguous")


def test_a_part_of_a_frame_that_cannot_cross_fails_the_flow_that_returns_it():
    @flow
    def column():
        return extract()["frame"]["n"]

    run = run_in_memory(column)
    assert run.status == "FAILED"
    assert "of type pandas.Series, which cannot cross" in run.error.message


def test_the_outputs_of_a_run_are_read_when_they_are_asked_for(home):
    run = tables.run_local()
    pd.testing.assert_frame_equal(run.task_runs["extract"].output["frame"], PANDAS)
    for file in (home / "runs" / run.run_id / "artifacts").iterdir():
        file.unlink()
    with pytest.raises(CodecError, match="is gone, and with it the value"):
        _ = run.task_runs["frames"].output
