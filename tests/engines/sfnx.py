"""sfnx's runner: in process, no time passes, and what AWS would reject is rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sfnx.testing import Call, Failure, run

from dagy_compiler.container_states import RUN_TASK
from tests.engines import Outcome
from tests.engines.handler import FunctionError, Worker


class SfnxEngine:
    """Runs a bundle's definition on sfnx's runner."""

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        definition = json.loads((bundle / "state_machine.asl.json").read_text(encoding="utf-8"))
        with Worker(bundle) as worker:

            def task(call: Call) -> object:
                contained = call.resource == RUN_TASK
                event = worker.told(call.arguments) if contained else call.arguments["Payload"]
                try:
                    payload = worker.invoke(event)
                except FunctionError as error:
                    cause = json.dumps(error.payload)
                    raise Failure(error.payload["errorType"], cause) from error
                return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload}

            execution = run(definition, given, task)
        if execution.error is not None:
            return Outcome("FAILED", None, execution.error, execution.cause)
        return Outcome("SUCCEEDED", execution.output)
