"""A CloudWatch dashboard of a flow: its executions, how long they take, and its functions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dagy_compiler.cloudformation import Dashboard, Resource, sub
from dagy_compiler.stack import Stack


def dashboard(stack: Stack, machine: str, functions: Sequence[str]) -> dict[str, Resource]:
    """Return the dashboard, by its logical id, if the settings ask for one.

    Args:
        stack: of the flow.
        machine: the logical id of the state machine.
        functions: logical ids of functions.
    """
    if not stack.settings.dashboard:
        return {}
    of_machine = ["StateMachineArn", f"${{{machine}}}"]
    counts = ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut")
    widgets = [
        _graph("Executions", [["AWS/States", name, *of_machine] for name in counts], "Sum", 0),
        _graph(
            "Duration of executions, in milliseconds",
            [
                ["AWS/States", "ExecutionTime", *of_machine, {"stat": stat, "label": stat}]
                for stat in ("p50", "p95", "Maximum")
            ],
            "p50",
            12,
        ),
    ]
    if functions:
        metrics = [
            ["AWS/Lambda", metric, "FunctionName", f"${{{function}}}"]
            for function in functions
            for metric in ("Errors", "Throttles")
        ]
        widgets.append(_graph("Errors and throttles of functions", metrics, "Sum", 24))
    # The one text that is not Dagy's own is the flow's name, which `Stack` has made harmless.
    body = json.dumps({"widgets": widgets})
    name = re.sub(r"[^A-Za-z0-9-]", "-", stack.flow)[:80]
    properties = Dashboard(
        dashboard_name=sub(f"${{AWS::StackName}}-{name}"), dashboard_body=sub(body)
    )
    return {"Dashboard": Resource(type="AWS::CloudWatch::Dashboard", properties=properties)}


def _graph(title: str, metrics: Sequence[Sequence[Any]], statistic: str, place: int) -> Any:
    return {
        "type": "metric",
        "x": place % 24,
        "y": place // 24 * 6,
        "width": 12,
        "height": 6,
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "metrics": metrics,
            "stat": statistic,
            "period": 300,
            "view": "timeSeries",
        },
    }
