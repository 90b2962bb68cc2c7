"""What stands for a value that does not exist yet while a flow is being traced.

A `TaskOutput` stands for what a task will return, a `ParameterValue` for what a flow will be given.
Indexing extends the path into the value. Everything else that would need the value raises an error
that names the flow, the line, and the way out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Self

from dagy.errors import TraceError
from dagy.source import caller
from dagy.spec import BranchReference, ParameterReference, Reference, TaskReference

if TYPE_CHECKING:
    from dagy.tracing import Graph

_REFUSED = {
    "__bool__": "has no truth value",
    "__iter__": "cannot be iterated over",
    "__len__": "has no length",
    "__contains__": "cannot be searched",
    "__call__": "cannot be called",
    "__str__": "has no text",
    "__format__": "has no text",
    "__bytes__": "has no bytes",
    "__int__": "is not a number",
    "__float__": "is not a number",
    "__complex__": "is not a number",
    "__index__": "is not a number",
    "__eq__": "cannot be compared",
    "__ne__": "cannot be compared",
    "__lt__": "cannot be compared",
    "__le__": "cannot be compared",
    "__gt__": "cannot be compared",
    "__ge__": "cannot be compared",
    "__enter__": "is not a context manager",
    "__exit__": "is not a context manager",
    "__fspath__": "is not a path",
    "__setitem__": "cannot be changed",
    "__delitem__": "cannot be changed",
    "__next__": "cannot be iterated over",
    "__reversed__": "cannot be iterated over",
}
_UNARY = ("neg", "pos", "abs", "invert", "round", "trunc", "floor", "ceil")
_BINARY = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "xor", "or"),
)
_REFUSED |= {f"__{name}__": "cannot be computed with" for name in _UNARY}
_REFUSED |= {
    f"__{side}{name}__": "cannot be computed with" for name in _BINARY for side in ("", "r", "i")
}


class Symbol:
    """(Part of) a value that is not there yet."""

    __slots__ = ("_graph", "_path")

    def __init__(self, graph: Graph, path: tuple[str | int, ...] = ()) -> None:
        self._graph = graph
        self._path = path

    __hash__ = object.__hash__

    @property
    def reference(self) -> Reference:
        """What stands for this in an argument of the FlowSpec."""
        raise NotImplementedError

    @property
    def graph(self) -> Graph:
        """The graph this belongs to."""
        return self._graph

    def _deeper(self, path: tuple[str | int, ...]) -> Symbol:
        raise NotImplementedError

    def __await__(self) -> Generator[None, None, Self]:
        """Return this at once: in an async flow, `await task()` waits for nothing while traced."""
        yield from ()
        return self

    def __getitem__(self, step: str | int) -> Symbol:
        """Return (a symbol of) the item of the value under a key or index."""
        if isinstance(step, bool) or not isinstance(step, (str, int)):
            self._refuse("can be indexed only with a text key or a number")
        return self._deeper((*self._path, step))

    def __getattr__(self, name: str) -> Any:
        # Protocols (copy, pickle, inspect) look for names like these and take "no" for an answer.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse(f"has no attribute {name!r} yet")

    def _describe(self) -> tuple[str, str]:
        """What this is, as a message's subject, and the way out."""
        raise NotImplementedError

    def _refuse(self, problem: str) -> NoReturn:
        subject, remedy = self._describe()
        where = caller()
        parameter = self.reference.name if isinstance(self.reference, ParameterReference) else None
        misuse = TraceError(
            f"{subject} {problem} while flow {self._graph.flow_name!r} is being traced\n"
            f"  {where}  {where.text}\n"
            f"  {remedy}",
            parameter=parameter,
        )
        self._graph.misuse = self._graph.misuse or misuse
        raise misuse

    def _steps(self) -> str:
        return "".join(f"[{step!r}]" for step in self._path)


def is_shown_in(text: str) -> bool:
    """Tell whether a text holds the repr of a symbol, as `f"{output!r}"` and `f"{[output]}"` do.

    For a debugger that is what a repr is for; in an argument it would stand for the value.
    """
    return "<" in text and any(f"<{kind.__name__}" in text for kind in Symbol.__subclasses__())


def _refusal(problem: str) -> Any:
    def refuse(self: Symbol, *_: Any) -> NoReturn:
        self._refuse(problem)

    return refuse


for _name, _problem in _REFUSED.items():
    setattr(Symbol, _name, _refusal(_problem))


class TaskOutput(Symbol):
    """(Part of) what a task run will return: pass it to other tasks, or return it from the flow.

    Attributes:
        task_run_id: the task run whose output this is.

    Examples:
        Inside a flow, `rows = extract()` is a TaskOutput, and so is `rows["items"][0]`.
    """

    __slots__ = ("task_run_id",)

    def __init__(self, graph: Graph, task_run_id: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(graph, path)
        self.task_run_id = task_run_id

    @property
    def reference(self) -> TaskReference:
        """What stands for this in an argument of the FlowSpec."""
        return TaskReference(self.task_run_id, self._path)

    def _deeper(self, path: tuple[str | int, ...]) -> TaskOutput:
        return TaskOutput(self._graph, self.task_run_id, path)

    def _describe(self) -> tuple[str, str]:
        return (
            f"the output of task {self.task_run_id!r}",
            "It gets its value when the flow runs. Do this inside a task: pass the output to a "
            "task of its own. For a call per item there is task.map(output), for a choice between "
            "tasks branch(output, ...).",
        )

    def __repr__(self) -> str:
        return f"<TaskOutput {self.task_run_id}{self._steps()}>"


class BranchOutput(Symbol):
    """(Part of) what `branch` came to, whichever side was taken.

    Attributes:
        scope: the branches around it.
        number: of the branch in the graph.
    """

    __slots__ = ("_branch", "number", "scope")

    def __init__(self, graph: Graph, branch: BranchReference, scope: Any, number: int) -> None:
        super().__init__(graph, branch.path)
        self._branch = branch
        self.scope = scope
        self.number = number

    @property
    def reference(self) -> BranchReference:
        """What stands for this in an argument of the FlowSpec."""
        return self._branch

    def _deeper(self, path: tuple[str | int, ...]) -> BranchOutput:
        return BranchOutput(self._graph, replace(self._branch, path=path), self.scope, self.number)

    def _describe(self) -> tuple[str, str]:
        return (
            "what a branch comes to",
            "It gets its value when the flow runs. Do this inside a task of its own.",
        )

    def __repr__(self) -> str:
        return f"<BranchOutput{self._steps()}>"


class ParameterValue(Symbol):
    """(Part of) what a flow will be given for one of its parameters."""

    __slots__ = ("_name",)

    def __init__(self, graph: Graph, name: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(graph, path)
        self._name = name

    @property
    def reference(self) -> ParameterReference:
        """What stands for this in an argument of the FlowSpec."""
        return ParameterReference(self._name, self._path)

    def _deeper(self, path: tuple[str | int, ...]) -> ParameterValue:
        return ParameterValue(self._graph, self._name, path)

    def _describe(self) -> tuple[str, str]:
        return (
            f"the parameter {self._name!r}",
            "One graph serves every value of it. Do this inside a task, or bind the parameter when "
            f"the flow is built: build({self._name}=...), or --param {self._name}=... of the CLI.",
        )

    def __repr__(self) -> str:
        return f"<ParameterValue {self._name}{self._steps()}>"
