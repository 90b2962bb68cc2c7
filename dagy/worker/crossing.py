"""What crosses branches: outputs, stored under the ids of their task runs, and word of their end.

No variable of a state machine crosses from one branch of a Parallel to another. Outputs that are
more than fit into a state travel the same way within a branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.worker.claims import SKIPPED, Claims
from dagy.worker.joins import place
from dagy.worker.meeting import Told, Waits, meet


class Crossing:
    """One invocation's part in it.

    Args:
        event: of the invocation: `run`, and `flow_attempt` where there may be several.
        claims: where outputs are stored.
    """

    def __init__(self, event: Mapping[str, Any], claims: Claims) -> None:
        self._event = event
        self._claims = claims
        self._attempt = event.get("flow_attempt", 1)

    def read(self) -> dict[str, str]:
        """Return the outputs that are to be found here, without those that were skipped."""
        return self._claims.kept_all(
            {name: self._key(name) for name in self._event.get("joined", ())}
        )

    def store(self, outputs: Mapping[str, str]) -> None:
        """Store outputs by task run."""
        self._claims.keep_all({self._key(name): text for name, text in outputs.items()})

    def tell(self, task: str, joins: Mapping[str, int]) -> None:
        """Store what task runs have made, and tell those that wait for one of them.

        Args:
            task: that one.
            joins: for how many each of those waits, by its id.
        """
        for name, handed in (self._event.get("results") or {}).items():
            self.store({name: SKIPPED if handed is None else self._claims.text(handed)})
        for waiting, others in joins.items():
            meet(place(), self._join(waiting), Told(task), others)

    def await_others(self, task: str, others: int, token: str, since: int) -> None:
        """Say that a task run waits for others.

        Args:
            task: that one.
            others: for how many it waits.
            token: by which it waits.
            since: when the state was entered or tried again, in milliseconds.
        """
        meet(place(), self._join(task), Waits(token, since), others)

    def _key(self, task_run_id: str) -> str:
        return f"joined/{self._attempt}/{task_run_id}"

    def _join(self, waiting: str) -> str:
        return f"{self._event['run']}/{self._attempt}/{waiting}"
