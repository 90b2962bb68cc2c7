"""What well-known packages take in a layer, resolved for Lambda on both processors."""

import os
import tempfile
from collections.abc import Iterator

from benchmarks.timing import seconds
from dagy.packaging.requirements import Declared
from dagy.packaging.vendor import Layer, Target, layer
from dagy_compiler.limits import UNZIPPED_BYTES

FLOWS = (("pandas",), ("polars",), ("pandas", "pyarrow"))
PYTHON = "3.13"


def measure() -> Iterator[str]:
    """Yield a line of the report for each set of packages and processor."""
    yield f"for Python {PYTHON} on Lambda, which accepts {UNZIPPED_BYTES / 1e6:.0f} MB unzipped"
    with tempfile.TemporaryDirectory() as cache:
        os.environ["DAGY_CACHE_DIR"] = cache
        for requirements in FLOWS:
            for architecture in ("x86_64", "arm64"):
                yield _measured(requirements, architecture)


def _measured(requirements: tuple[str, ...], architecture: str) -> str:
    made: list[Layer] = []

    def resolve() -> None:
        declared, target = Declared("benchmark", requirements), Target(architecture, PYTHON)
        made.append(layer(declared, target, told=lambda _: None))

    first, again = seconds(resolve), seconds(resolve)
    packages = ", ".join(f"{name} {version}" for name, version in made[0].versions.items())
    return (
        f"{' and '.join(requirements)}, {architecture}: {made[0].unzipped / 1e6:.1f} MB unzipped, "
        f"{made[0].path.stat().st_size / 1e6:.1f} MB zipped, in {first:.1f} s, and {again:.2f} s "
        f"from the cache ({packages})"
    )
