"""`python -m benchmarks [imports|coldstart|vendoring|peers ...]`: measure, and print."""

import os
import sys
import tempfile
from importlib import import_module

ALL = (
    *("imports", "overhead", "history", "parallelism", "building", "structure", "transitions"),
    *("coldstart", "shipping"),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAGY_LOCAL_DIR"] = home
        for name in sys.argv[1:] or ALL:
            print(f"== {name}")
            for line in import_module(f"benchmarks.{name}").measure():
                print(f"  {line}", flush=True)


main()
