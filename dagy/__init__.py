"""Dagy: data pipelines as plain Python functions, on a laptop and on AWS Step Functions.

Everything public is here. Importing this is cheap, as every cold start of a worker pays for it:
DuckDB, boto3, the compiler and the rest are loaded where they are used, and what no worker needs
when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from dagy.branching import branch
from dagy.context import RunContext
from dagy.errors import DagyError
from dagy.flow import Flow, flow
from dagy.hook import Hook
from dagy.mapping import unmapped
from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy.state import State, completed, failed, running
from dagy.symbols import TaskOutput
from dagy.task import Task, task
from dagy.version import __version__

if TYPE_CHECKING:
    from dagy.client import DagyClient
    from dagy.deployment import LocalArtifact, build_artifact, deploy_artifact
    from dagy.run_context import LocalRunContext, TaskRunRecord
    from dagy.services import TASK_TOKEN, approval, aws_task, sleep, sleep_until
    from dagy.values.artifacts import FileArtifact
    from dagy.values.codecs import register_codec

_LATER = {
    "DagyClient": "dagy.client",
    "FileArtifact": "dagy.values.artifacts",
    "LocalArtifact": "dagy.deployment",
    "LocalRunContext": "dagy.run_context",
    "TASK_TOKEN": "dagy.services",
    "TaskRunRecord": "dagy.run_context",
    "approval": "dagy.services",
    "aws_task": "dagy.services",
    "build_artifact": "dagy.deployment",
    "deploy_artifact": "dagy.deployment",
    "register_codec": "dagy.values.codecs",
    "sleep": "dagy.services",
    "sleep_until": "dagy.services",
}


def __getattr__(name: str) -> Any:
    """Import a public name that not every program needs when it is first asked for (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module 'dagy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    """List the names that are imported when they are asked for, too: completion asks for this."""
    return sorted({*globals(), *_LATER})


__all__ = [
    "TASK_TOKEN",
    "DagyClient",
    "DagyError",
    "FileArtifact",
    "Flow",
    "FlowSpec",
    "Hook",
    "LocalArtifact",
    "LocalRunContext",
    "RunContext",
    "State",
    "Task",
    "TaskOutput",
    "TaskRunRecord",
    "TaskRunSpec",
    "TaskSpec",
    "__version__",
    "approval",
    "aws_task",
    "branch",
    "build_artifact",
    "completed",
    "deploy_artifact",
    "failed",
    "flow",
    "register_codec",
    "running",
    "sleep",
    "sleep_until",
    "task",
    "unmapped",
]
