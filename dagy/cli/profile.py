"""`--profile-from-history`: how long a flow's task runs took here."""

from __future__ import annotations

from dagy.errors import HistoryError
from dagy.spec import FlowSpec


def measured_durations(spec: FlowSpec) -> dict[str, float]:
    """Return the seconds that a flow's task runs took, by id.

    Raises:
        HistoryError: nothing that succeeded is recorded of them, or the history cannot be read.
    """
    from dagy.history import Home, task_durations

    home = Home.find()
    known = {run.id for run in spec.task_runs}
    recorded = task_durations(home, spec.name).items()
    durations = {task_run_id: seconds for task_run_id, seconds in recorded if task_run_id in known}
    if not durations:
        raise HistoryError(
            f"--profile-from-history: no task run of the flow {spec.name} that succeeded is "
            f"recorded in {home.root}; run it with `dagy run`, or leave out the option"
        )
    return durations
