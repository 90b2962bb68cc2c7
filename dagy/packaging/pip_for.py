"""pip, for another machine: `python pip_for.py MACHINE install --platform ...`.

pip chooses wheels for the platform that it is told, but reads markers (`; sys_platform == "win32"`)
as those of the machine it runs on. So a Mac would leave out what a package needs on Linux only.
"""

from __future__ import annotations

import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

LINUX = {
    "os_name": "posix",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_version": "",
}


def run(machine: str, arguments: list[str]) -> int:
    """Run pip as if on a Linux machine; return its exit code.

    Args:
        machine: the processor, as `aarch64`.
        arguments: pip's, with `--python-version`.
    """
    prefix = "--python-version="
    version = next(each.removeprefix(prefix) for each in arguments if each.startswith(prefix))
    there = LINUX | {
        "platform_machine": machine,
        "python_version": version,
        "python_full_version": f"{version}.0",
        "implementation_version": f"{version}.0",
    }
    markers.default_environment = lambda: there
    return main(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
