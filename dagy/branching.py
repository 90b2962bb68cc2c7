"""`branch`: choosing between tasks by a value that is known only when the flow runs."""

from __future__ import annotations

from typing import Any

from dagy.errors import TraceError
from dagy.source import caller
from dagy.symbols import Symbol
from dagy.tracing import current_graph


def branch(condition: Any, then: Any, otherwise: Any = None) -> Any:
    """Run one of two sides, as a value decides; the tasks of the other side are SKIPPED.

    Args:
        condition: an output or a parameter, or part of one; its truth decides, as in Python's `if`.
        then: a function without arguments that calls the tasks of this side, and whose result is
            the branch's; or a value, such as an output that is there already.
        otherwise: likewise, for a false condition.

    Returns:
        Inside a flow, an output that stands for the result of the side that is taken; a task that
        is given it waits for that side. Outside a flow, that result.

    Raises:
        TraceError: inside a flow, when the condition is not an output or a parameter.

    Examples:
        Inside a flow::

            found = search(query)
            report = branch(found["rows"], lambda: summarise(found), lambda: apologise(query))
            publish(report)
    """
    graph = current_graph.get()
    if graph is None:
        taken = then if condition else otherwise
        return taken() if callable(taken) else taken
    if not isinstance(condition, Symbol):
        where = caller()
        raise TraceError(
            f"the condition of branch is {condition!r}, which is known while flow "
            f"{graph.flow_name!r} is being traced\n  {where}  {where.text}\n"
            "  Use a plain if, or give branch the output of a task or a parameter."
        )
    return graph.branch(condition, then, otherwise)
