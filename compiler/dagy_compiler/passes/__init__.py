"""The passes, a module each. A pass is a frozen dataclass whose call takes a plan and returns one.

Its fields are its options, its docstring says what holds before and after, and it does nothing
else: no disk, no network, no clock.
"""

from dagy_compiler.passes.dataflow import Dataflow
from dagy_compiler.passes.emit import Emit
from dagy_compiler.passes.fuse import Fuse
from dagy_compiler.passes.limits import Limits
from dagy_compiler.passes.place import Place
from dagy_compiler.passes.retry import Retry
from dagy_compiler.passes.split import Split
from dagy_compiler.passes.structure import Structure
from dagy_compiler.passes.validate import Validate

__all__ = [
    "Dataflow",
    "Emit",
    "Fuse",
    "Limits",
    "Place",
    "Retry",
    "Split",
    "Structure",
    "Validate",
]
