"""Archives whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

# The earliest time that the format knows: an archive must not tell when it was made.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_UNIX = 3  # on every machine, as the mode is Unix's


_LEVEL = 6
"""How hard to compress: harder takes three times as long, and saves two per cent."""


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive.

    Args:
        contents: of each file, by its name in the archive.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.external_attr = _MODE
            entry.create_system = _UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()
