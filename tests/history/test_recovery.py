"""A database that cannot be used costs nobody a run: the journals are the truth."""

import duckdb
import pytest

from dagy.errors import HistoryError
from dagy.history import delete_runs, find_run, list_runs, results_of, settle
from dagy.interpreter.events import Transition
from dagy.state import StateType


def junk(home):
    home.database.write_bytes(b"this is not a database" * 500)


def empty(home):
    home.database.write_bytes(b"")


def cut_short(home):
    home.database.write_bytes(home.database.read_bytes()[:5000])


def of_another_program(home):
    home.database.unlink()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")


def of_a_newer_version(home):
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")


DAMAGES = [junk, empty, cut_short, of_another_program, of_a_newer_version]
by_name = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


@by_name
def test_the_error_names_the_file_and_says_how_to_recover_and_that_works(home, record, damage):
    for number in range(3):
        record(f"run-{number}")
    settle(home)
    damage(home)
    record("run-3")

    with pytest.raises(HistoryError) as caught:
        settle(home)
    message = str(caught.value)
    assert message.startswith(f"{home.database} ")
    assert f"Nothing is lost: the journal of every run is kept in {home.runs}." in message
    assert f"ove {home.database} out of the way" in message
    assert home.pending_ids() == ["run-3"]

    home.database.rename(home.database.with_suffix(".old"))
    assert [run.run_id for run in list_runs(home)] == ["run-3", "run-2", "run-1", "run-0"]
    assert len(find_run(home, "run-0").task_runs) == 1
    assert home.pending_ids() == []


@by_name
def test_every_way_to_use_the_database_says_so(home, record, damage):
    record("run-0")
    record("run-1")
    settle(home)
    damage(home)
    with (
        pytest.raises(HistoryError, match="Nothing is lost"),
        pytest.warns(UserWarning, match="put together from the journals"),
    ):
        delete_runs(home, ["run-0"])
    # Who only wants to read is answered from the journals.
    with pytest.warns(UserWarning, match="put together from the journals.*Nothing is lost"):
        assert [run.run_id for run in list_runs(home)] == ["run-1", "run-0"]
    with pytest.warns(UserWarning, match="put together from the journals.*Nothing is lost"):
        assert find_run(home, "run-0").output == "[3]"


def test_a_newer_schema_asks_for_a_newer_dagy(home, record):
    record()
    settle(home)
    of_a_newer_version(home)
    with pytest.warns(
        UserWarning, match=r"has schema version 99, .* reads and writes 2.*Upgrade Dagy"
    ):
        list_runs(home)
    with duckdb.connect(str(home.database)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_a_broken_database_can_be_moved_away_with_its_log(home, record):
    record()
    settle(home)
    junk(home)
    log = home.database.with_name("history.duckdb.wal")
    log.write_bytes(b"half a transaction")
    with pytest.warns(UserWarning, match=r"history\.duckdb and history\.duckdb\.wal beside it"):
        list_runs(home)
    home.database.unlink()
    log.unlink()
    assert [run.run_id for run in list_runs(home)] == ["run-1"]


def test_a_journal_that_is_not_one_is_named_and_hides_no_other_run(home, record):
    record("run-1")
    record("run-2")
    home.journal("run-2").write_text("shopping list\n- eggs\n")
    with pytest.raises(HistoryError) as caught:
        settle(home)
    assert "run run-2 is not in the local history" in str(caught.value)
    assert f"remove {home.run_folder('run-2')} and {home.pending('run-2')}" in str(caught.value)
    with pytest.warns(UserWarning, match="run-2"):
        assert [run.run_id for run in list_runs(home)] == ["run-1"]


@pytest.mark.parametrize("field", ["seq", "at", "state", "attempt"])
def test_a_damaged_line_is_left_out_and_hides_nothing_else(home, record, field):
    record("run-1")
    record("run-2")
    journal = home.journal("run-2")
    lines = journal.read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace(f'"{field}":', '"????":')
    journal.write_text("".join(lines))
    assert [(run.run_id, run.status) for run in list_runs(home)] == [
        ("run-2", "SUCCEEDED"),
        ("run-1", "SUCCEEDED"),
    ]
    assert results_of(home, "run-2").results == {}


def test_a_journal_with_a_time_that_there_is_not_is_named_and_hides_no_other_run(home, record):
    record("run-1")
    record("run-2", transitions=[Transition(1e300, None, StateType.RUNNING)])
    with pytest.warns(UserWarning, match="run run-2 is not in the local history"):
        assert [run.run_id for run in list_runs(home)] == ["run-1"]


def test_a_database_of_an_older_version_is_made_again_from_the_journals(home, record):
    record()
    settle(home)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        connection.execute("ALTER TABLE runs DROP COLUMN resumed_from")
    assert [run.run_id for run in list_runs(home)] == ["run-1"]
    with duckdb.connect(str(home.database)) as connection:
        assert connection.execute("SELECT run_id, resumed_from FROM runs").fetchall() == [
            ("run-1", None)
        ]


def test_what_a_run_left_that_died_before_it_began_is_swept_away(home, record):
    record("run-1")
    home.mark_pending("no-journal")
    home.mark_pending("no-header")
    home.journal("no-header").parent.mkdir()
    home.journal("no-header").touch()
    settle(home)
    assert (home.pending_ids(), home.run_ids()) == ([], ["run-1"])


def test_a_file_that_is_damaged_in_the_midst_is_told_with_the_way_out(home, record):
    for number in range(3):
        record(f"run-{number}")
    settle(home)
    whole = home.database.read_bytes()
    middle = len(whole) // 4
    home.database.write_bytes(whole[:middle] + b"\xaa" * (2 * middle) + whole[3 * middle :])
    with pytest.raises(HistoryError, match="is damaged .* Nothing is lost"):
        list_runs(home)
    home.database.rename(home.root / "damaged")
    assert len(list_runs(home)) == 3
