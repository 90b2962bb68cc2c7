"""Dagy: data pipelines as plain Python functions, on a laptop and on AWS Step Functions.

Everything public is here. Importing this costs a few milliseconds: DuckDB, boto3, the compiler and
the rest are loaded where they are used.
"""

from dagy.client import DagyClient
from dagy.context import RunContext
from dagy.deployment import LocalArtifact, build_artifact, deploy_artifact
from dagy.errors import DagyError
from dagy.flow import Flow, flow
from dagy.hook import Hook
from dagy.run_context import LocalRunContext, TaskRunRecord
from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy.state import State, completed, failed, running
from dagy.symbols import TaskOutput
from dagy.task import Task, task
from dagy.version import __version__

__all__ = [
    "DagyClient",
    "DagyError",
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
    "build_artifact",
    "completed",
    "deploy_artifact",
    "failed",
    "flow",
    "running",
    "task",
]
