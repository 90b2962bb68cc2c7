from pathlib import Path

import pytest

from dagy.errors import HistoryError
from dagy.history import Home, Journal, list_runs, settle


def test_home_is_in_the_users_home_folder(monkeypatch):
    monkeypatch.delenv("DAGY_LOCAL_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert Home.find() == Home(Path("/home/ada/.dagy"))


def test_dagy_local_dir_moves_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(tmp_path))
    assert Home.find().root == tmp_path


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", "")
    monkeypatch.setenv("HOME", "/home/ada")
    assert Home.find().root == Path("/home/ada/.dagy")


def test_the_home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGY_LOCAL_DIR", "here")
    assert Home.find().root == tmp_path / "here"


def test_a_question_mark_in_the_path_is_refused_because_duckdb_cannot_open_it(monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", "/tmp/why?/home")
    with pytest.raises(HistoryError, match="question mark: /tmp/why\\?/home; set DAGY_LOCAL_DIR"):
        Home.find()


def test_reading_a_home_that_is_not_there_creates_nothing(home):
    settle(home)
    assert list_runs(home) == []
    assert not home.root.exists()


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda home, header: Journal.create(home, header()), id="journal"),
        pytest.param(lambda home, header: home.save_flow("r", "{}"), id="flow"),
        pytest.param(lambda home, header: home.mark_pending("r"), id="marker"),
        pytest.param(lambda home, header: list_runs(home), id="database"),
    ],
)
def test_a_file_in_the_place_of_the_home_is_one_clear_error(home, header, use):
    home.root.write_text("I was here first")
    with pytest.raises(HistoryError) as caught:
        use(home, header)
    message = str(caught.value)
    assert message.startswith(f"the local history cannot be written at {home.root}")
    assert "set DAGY_LOCAL_DIR to a folder that can be written" in message
    assert "\n" not in message
