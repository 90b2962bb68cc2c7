"""FlowSpec in, Amazon States Language and the infrastructure around it out.

A flow becomes a state machine, or several, in nine passes. Each takes a `Plan`, an immutable value,
and returns it with one more part filled in; none touches disk or network. What can go wrong is in
its name:

1. `validate` refuses modes that do not exist, and malformed ids and policies.
2. `place` says where each task run is executed.
3. `fuse` groups the task runs that share an invocation of a worker into units.
4. `structure` turns the graph of units into a tree of sequence and parallel.
5. `retry` says who makes the attempts of each unit.
6. `dataflow` gives every value its way from the task run that makes it to those that read it.
7. `emit` spells all that in Amazon States Language.
8. `split` cuts what does not fit into one state machine into several.
9. `limits` refuses what AWS would refuse, or would break off while it runs.

`compile_flow` runs them; `run_passes` stops after the one you name, and `describe` makes the plan
readable there. `explain` says of each state of the finished machine what it does and why, and
`estimate` what an execution takes. `dagy_compiler.render` draws a finished definition.
"""

from dagy_compiler.compile import PASSES, CompiledFlow, compile_flow, run_passes
from dagy_compiler.describe import describe
from dagy_compiler.estimate import Estimate, estimate
from dagy_compiler.explain import Explanation, explain
from dagy_compiler.explain_text import explanation_text
from dagy_compiler.plan import Plan

__all__ = [
    "PASSES",
    "CompiledFlow",
    "Estimate",
    "Explanation",
    "Plan",
    "compile_flow",
    "describe",
    "estimate",
    "explain",
    "explanation_text",
    "run_passes",
]
