"""Flows that wait across branches: `--joins auto` has joins in them, by the seconds they expect."""

import time
from pathlib import Path

from dagy import RunContext, branch, flow, task


@task(expected_seconds=90)
def download(day, pause):
    time.sleep(pause)
    return {"day": day, "rows": [2**60, -0.0, 1e-9, [], [None], "{% 1 %}"]}


@task(expected_seconds=10)
def settings(pause):
    time.sleep(pause)
    return [["ünï", {"": "${x}"}]]


@task(expected_seconds=10)
def clean(rows, chosen):
    return {"rows": rows, "chosen": chosen}


@task(expected_seconds=90)
def train(chosen):
    return [chosen, chosen]


@flow
def crossed(day: str = "monday", first: float = 0.0, second: float = 0.0):
    rows = download(day, first)
    chosen = settings(second)
    return [clean(rows, chosen), train(chosen)]


@task(expected_seconds=10)
def large():
    return "x" * 300_000


@task(expected_seconds=10)
def numbers():
    return [3, 4, 5]


@task(expected_seconds=10)
def doubled(n):
    return 2 * n


@task(expected_seconds=90)
def counted(value):
    return len(value)


@task(expected_seconds=10)
def together(*given):
    return [len(value) if isinstance(value, str) else value for value in given]


@flow
def of_many_kinds(day: str = "monday", wide: bool = True):
    """What is waited for is large, a map, and a branch of which a side makes nothing."""
    rows = download(day, 0)
    text = large()
    mapped = doubled.map(numbers())
    chosen = branch(wide, lambda: settings(0), lambda: None)
    return [
        together(rows, text, mapped, chosen),
        counted(text),
        counted(mapped),
        train(chosen),
    ]


@task(expected_seconds=90)
def fails_once(chosen, folder):
    """Fail in the first attempt of the flow."""
    marker = Path(folder) / "once"
    if not marker.exists():
        marker.touch()
        raise ConnectionError("not yet")
    return RunContext.get().attempt


@flow(retries=1)
def tried_again(folder: str):
    rows = download("monday", 0)
    chosen = settings(0)
    return [clean(rows, chosen), fails_once(chosen, folder)]


@task(expected_seconds=90)
def refuses(chosen):
    raise LookupError(f"no {chosen[0][0]}")


@flow
def refused():
    """What waits for `settings` waits for `refuses` in vain: nothing after it runs."""
    rows = download("monday", 0)
    chosen = settings(0)
    return [clean(rows, chosen), refuses(chosen)]
