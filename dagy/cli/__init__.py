"""The command line: `dagy`."""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run the command line and exit.

    The exit codes: 0 done, 1 the run failed, 2 a mistake in what was asked, 130 interrupted.
    """
    from dagy.cli.app import app  # importing `dagy.cli` costs nothing
    from dagy.errors import DagyError

    warnings.showwarning = _show_warning
    try:
        app()
    except DagyError as error:
        from dagy.cli.screen import say_error  # Rich, which `--help` does without

        say_error(str(error))
        sys.exit(2)


def _show_warning(message: Warning | str, *_args: object, **_kwargs: object) -> None:
    from dagy.cli.screen import say_warning

    say_warning(str(message))
