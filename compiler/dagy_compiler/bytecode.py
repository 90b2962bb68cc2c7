"""Bytecode that is the same wherever it was made."""

from __future__ import annotations

import importlib.util
import marshal
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

_UNCHECKED = (0b01).to_bytes(4, "little")
"""The flags of bytecode that is known by its source's hash, and not compared with it (PEP 552)."""

_WITHOUT_REFERENCES = 2
"""The version of the format that does not depend on what else refers to a constant."""


def bytecode(file: Path, shown: str) -> bytes:
    """Return the content of a module's `.pyc`.

    Args:
        file: the module; what Python has compiled of it already is used.
        shown: what the file is called in tracebacks.
    """
    code = SourceFileLoader("module", str(file)).get_code("module")
    assert code is not None
    source = importlib.util.source_hash(file.read_bytes())
    data = marshal.dumps(_relocated(code, shown), _WITHOUT_REFERENCES)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + source + data


def _relocated(code: CodeType, file: str) -> CodeType:
    """Return code as if it had been compiled from another file."""
    constants = tuple(
        _relocated(each, file) if isinstance(each, CodeType) else each for each in code.co_consts
    )
    return code.replace(co_filename=file, co_consts=constants)
