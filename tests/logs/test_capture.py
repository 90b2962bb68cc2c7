"""What tasks say reaches the run's own log, and still the terminal."""

import asyncio
import contextlib
import contextvars
import io
import json
import logging
import random
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagy import flow, task
from dagy.history import Home
from dagy.logs import RunLog, capture, read_lines

logger = logging.getLogger(__name__)


def log_of(run):
    return list(read_lines(Home.find().log(run.run_id)))


def said(lines):
    return [(line.source, line.task_run_id, line.attempt, line.text) for line in lines]


@task(retries=1)
def speak():
    from dagy import RunContext

    print("to stdout", end=" ")
    print("in pieces")
    print("to stderr", file=sys.stderr)
    logger.warning("a record of %d", 3)
    warnings.warn("careful", stacklevel=1)
    if RunContext.get().attempt == 1:
        raise ValueError


@flow
def speaking():
    return speak()


def test_everything_a_task_says_is_in_the_log_by_task_run_and_attempt(home, capfd):
    before = sys.stdout, sys.stderr, logging.Logger.callHandlers, warnings.showwarning
    with pytest.warns(UserWarning, match="careful"):
        run = speaking.run_local()
    lines = log_of(run)
    once = [
        ("stdout", "to stdout in pieces"),
        ("stderr", "to stderr"),
        ("log", "a record of 3"),
        ("warning", "careful"),
    ]
    assert said(lines) == [(s, "speak", n, text) for n in (1, 2) for s, text in once]
    assert {line.task for line in lines} == {"speak"}
    assert (lines[2].level, lines[2].logger) == ("WARNING", __name__)
    assert lines[3].level == "UserWarning"
    start, end = run.task_runs[0].start.timestamp(), run.task_runs[0].end.timestamp()
    assert start <= lines[0].at <= lines[-1].at <= end
    shown = capfd.readouterr()
    assert shown.out == "to stdout in pieces\n" * 2
    assert shown.err.count("to stderr\n") == 2
    assert before == (sys.stdout, sys.stderr, logging.Logger.callHandlers, warnings.showwarning)


def test_a_run_that_says_nothing_has_no_log_file(home):
    @flow
    def silent():
        return quiet()

    run = silent.run_local()
    assert not Home.find().log(run.run_id).exists()
    assert log_of(run) == []


@task
def quiet():
    return 1


@task
def chatter(n: int):
    mine = random.Random(n)
    for i in range(50):
        for piece in (f"task {n}", f" line {i}", "\n"):
            sys.stdout.write(piece)
            if mine.random() < 0.1:
                time.sleep(0)  # hand over to another thread in the midst of the line


@flow
def chattering():
    for n in range(20):
        chatter(n)


def test_lines_of_many_threads_stay_whole_and_attributed(home):
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run = chattering.run_local(max_workers=8)
    finally:
        sys.setswitchinterval(old)
    by_task = {}
    for line in log_of(run):
        by_task.setdefault(line.task_run_id, []).append(line.text)
    assert by_task == {
        ("chatter" if n == 0 else f"chatter-{n + 1}"): [f"task {n} line {i}" for i in range(50)]
        for n in range(20)
    }


@task
def threads():
    with ThreadPoolExecutor(2) as pool:
        pool.submit(contextvars.copy_context().run, print, "with the context").result()
        pool.submit(print, "without").result()

    async def main():
        await asyncio.gather(*(asyncio.to_thread(print, f"async {i}") for i in range(2)))

    asyncio.run(main())


@flow
def threading_flow():
    threads()


def test_threads_that_carry_the_context_belong_to_their_task_and_others_to_the_run(home):
    found = {line.text: line.task_run_id for line in log_of(threading_flow.run_local())}
    assert found == {
        "with the context": "threads",
        "without": None,
        "async 0": "threads",
        "async 1": "threads",
    }


def test_what_a_process_of_its_own_says_is_heard_even_when_it_is_killed(home, capsys):
    from tests.flows import isolated_flows

    run = isolated_flows.speaking.run_local()
    assert run.result == 4
    assert said(log_of(run)) == [
        ("stdout", "speaks", 1, "attempt 1"),
        ("stderr", "speaks", 1, "to stderr"),
        ("stdout", "speaks", 2, "attempt 2"),
        ("stderr", "speaks", 2, "to stderr"),
        ("stdout", "speaks", 2, "four"),
    ]
    assert capsys.readouterr().out == "attempt 1\nattempt 2\nfour"


meeting = threading.Barrier(2)


@task
def meet(name: str):
    meeting.wait(10)
    for i in range(20):
        print(name, i)
    meeting.wait(10)


@flow
def meeting_flow(name: str):
    meet(name)


def test_two_runs_at_once_each_get_their_own_lines(home, capsys):
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda name: meeting_flow.run_local(name), ["a", "b"]))
    for run, name in zip(runs, "ab", strict=True):
        assert [line.text for line in log_of(run)] == [f"{name} {i}" for i in range(20)]
    assert len(capsys.readouterr().out.splitlines()) == 40


@task
def start_a_run() -> str:
    print("outer, before")
    inner = speaking.run_local()
    print("outer, after")
    return inner.run_id


@flow
def nesting():
    return start_a_run()


@pytest.mark.filterwarnings("ignore")
def test_a_run_inside_a_task_has_a_log_of_its_own(home):
    outer = nesting.run_local()
    assert [line.text for line in log_of(outer)] == ["outer, before", "outer, after"]
    inner = list(read_lines(Home.find().log(outer.result)))
    assert {line.task_run_id for line in inner} == {"speak"}


@task
def interrupted():
    print("about to go", end="")
    raise KeyboardInterrupt  # in a task it is that task's failure


@flow
def interrupting():
    interrupted()


class Interrupting:
    """An observer that is interrupted when the run starts, as by Ctrl-C in the calling thread."""

    def begin(self, run_id, spec):
        pass

    def line(self, line):
        pass

    def emit(self, transition):
        raise KeyboardInterrupt


def test_all_is_put_back_after_ctrl_c(home):
    from dagy.local import run_local

    before = sys.stdout, sys.stderr, logging.Logger.callHandlers, warnings.showwarning
    with pytest.raises(KeyboardInterrupt):
        run_local(interrupting, {}, observer=Interrupting())
    assert before == (sys.stdout, sys.stderr, logging.Logger.callHandlers, warnings.showwarning)


def test_the_last_line_is_written_even_without_an_end(home):
    assert [line.text for line in log_of(interrupting.run_local())] == ["about to go"]


def recorded(path, *writes, source="stdout"):
    log = RunLog(path)
    for text in writes:
        log.write(source, text)
    log.close()
    return [line.text for line in read_lines(path)]


@pytest.mark.parametrize(
    ("writes", "lines"),
    [
        (["a\nb\n\nc"], ["a", "b", "", "c"]),
        (["one\r\n", "two\r", "\n"], ["one", "two"]),
        (["\r 10%", "\r 50%", "\r100%", "\n"], ["100%"]),
        (["\u00e9 \ud800\n"], ["\u00e9 \\ud800"]),
    ],
)
def test_lines_are_what_a_terminal_would_show(tmp_path, writes, lines):
    assert recorded(tmp_path / "log", *writes) == lines


def test_an_endless_line_is_cut_and_an_endless_progress_bar_is_not(tmp_path):
    from dagy.logs.run_log import LONGEST_LINE

    cut = recorded(tmp_path / "log", *["x" * 1000] * 150)
    assert [len(line) for line in cut] == [LONGEST_LINE, LONGEST_LINE, 150_000 - 2 * LONGEST_LINE]
    bar = recorded(tmp_path / "bar", *[f"\r{n:>1000}" for n in range(500)], "\n")
    assert [line.strip() for line in bar] == ["499"]


def test_a_mask_sees_each_line_before_it_is_written(tmp_path, capsys):
    heard = []
    log = RunLog(
        tmp_path / "log",
        mask=lambda text: text.replace("hunter2", "***"),
        listener=lambda line: heard.append(line.text),
    )
    with capture(log):
        print("password hun", end="")
        print("ter2")
    assert [line.text for line in read_lines(log.path)] == heard == ["password ***"]


def test_a_full_disk_ends_the_log_and_not_the_task(capsys):
    from pathlib import Path

    log = RunLog(Path("/dev/full"))
    with capture(log):
        print("lost to the log")
        print("and more")
    assert capsys.readouterr().out == "lost to the log\nand more\n"
    assert "No space left" in str(log.error)


def test_a_log_that_cannot_be_written_is_warned_of(home, capsys):
    @task
    def remove_the_folder():
        import shutil

        shutil.rmtree(Home.find().runs)
        print("hello")

    @flow
    def removing():
        remove_the_folder()

    with pytest.warns(UserWarning, match="the log of this run is incomplete: .*No such file"):
        assert removing.run_local().status == "SUCCEEDED"


def test_a_line_printed_after_the_run_is_for_the_terminal_only(tmp_path, capsys):
    log = RunLog(tmp_path / "log")
    with capture(log):
        kept = sys.stdout
        context = contextvars.copy_context()
    context.run(print, "late", file=kept)
    assert capsys.readouterr().out == "late\n"
    assert list(read_lines(log.path)) == []


# The stand-in is still a text stream.


def test_stdout_still_behaves_like_the_stream_it_was(tmp_path):
    real = (tmp_path / "out").open("w", encoding="latin-1", errors="replace")
    with real, contextlib.redirect_stdout(real), capture(RunLog(tmp_path / "log")):
        out = sys.stdout
        assert out is not real
        assert out.write("four") == 4
        out.writelines(["a\n", "b\n"])
        assert (out.encoding, out.errors) == ("latin-1", "replace")
        assert (out.fileno(), out.isatty()) == (real.fileno(), False)
        assert out.buffer is real.buffer
        out.reconfigure(line_buffering=True)
        print("flushed", flush=True)
        with pytest.raises(TypeError):
            out.write(b"bytes")
    assert sys.stdout is not out
    assert [line.text for line in read_lines(tmp_path / "log")] == ["foura", "b", "flushed"]


def test_redirect_stdout_in_a_task_keeps_the_text_from_the_log(tmp_path):
    kept = io.StringIO()
    with capture(RunLog(tmp_path / "log")):
        with contextlib.redirect_stdout(kept):
            print("captured by the task")
        print("said")
    assert kept.getvalue() == "captured by the task\n"
    assert [line.text for line in read_lines(tmp_path / "log")] == ["said"]


def test_streams_that_are_swapped_in_any_order_end_up_as_they_were(tmp_path, capsys):
    real = sys.stdout
    first, second = RunLog(tmp_path / "1"), RunLog(tmp_path / "2")
    with capture(first):
        with contextlib.redirect_stdout(io.StringIO()) as buffer, capture(second):
            print("twice wrapped, once recorded")
        print("first")
    assert sys.stdout is real
    assert buffer.getvalue() == "twice wrapped, once recorded\n"
    assert [line.text for line in read_lines(second.path)] == ["twice wrapped, once recorded"]
    assert [line.text for line in read_lines(first.path)] == ["first"]


# Logging as people set it up.


@contextlib.contextmanager
def root_without_handlers():
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = []
    try:
        yield root
    finally:
        root.handlers[:] = kept
        root.setLevel(level)


def test_basic_config_in_a_task_works_and_records_are_not_heard_twice(tmp_path, capsys):
    with root_without_handlers(), capture(RunLog(tmp_path / "log")):
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        logger.info("set up in the task")
    assert capsys.readouterr().err == "INFO set up in the task\n"
    [line] = read_lines(tmp_path / "log")
    assert (line.source, line.level, line.text) == ("log", "INFO", "set up in the task")


def test_a_handler_that_holds_the_old_stderr_still_prints_there(tmp_path, capsys):
    with root_without_handlers() as root:
        root.addHandler(logging.StreamHandler(sys.stderr))
        with capture(RunLog(tmp_path / "log")):
            logger.error("held")
    assert capsys.readouterr().err == "held\n"
    assert [line.text for line in read_lines(tmp_path / "log")] == ["held"]


def test_without_any_handler_warnings_are_still_printed(tmp_path, capsys):
    with root_without_handlers(), capture(RunLog(tmp_path / "log")):
        logger.warning("the last resort")
    assert capsys.readouterr().err == "the last resort\n"
    assert [line.source for line in read_lines(tmp_path / "log")] == ["log"]


def test_a_logger_that_does_not_propagate_is_heard(tmp_path):
    own = logging.getLogger("tests.own")
    own.propagate = False
    with capture(RunLog(tmp_path / "log")):
        own.error("alone")
    assert [line.logger for line in read_lines(tmp_path / "log")] == ["tests.own"]


def test_a_record_keeps_its_traceback_and_survives_bad_arguments(tmp_path, capsys):
    with root_without_handlers(), capture(RunLog(tmp_path / "log")):
        try:
            raise ValueError("no luck")
        except ValueError:
            logger.exception("it failed")
        logger.error("%d rows", "many")
    first, second = read_lines(tmp_path / "log")
    assert first.text.startswith("it failed\nTraceback (most recent call last):\n")
    assert first.text.endswith("ValueError: no luck")
    assert second.text == "%d rows"


def test_rich_consoles_are_heard_whether_made_before_or_during_the_run(tmp_path, capsys):
    from rich.console import Console

    before = Console(stderr=True)
    with capture(RunLog(tmp_path / "log")):
        before.print("made before")
        Console(stderr=True).print("made during")
    assert capsys.readouterr().err == "made before\nmade during\n"
    assert [line.text for line in read_lines(tmp_path / "log")] == ["made before", "made during"]


def test_the_file_is_json_lines_with_documented_fields(tmp_path):
    with capture(RunLog(tmp_path / "log")):
        logger.error("one")
        print("two")
    one, two = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert set(one) == {"at", "source", "level", "logger", "text"}
    assert set(two) == {"at", "source", "text"}
