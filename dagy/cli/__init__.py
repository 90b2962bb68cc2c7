"""The command line: `dagy`."""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run the command line and exit.

    The exit codes: 0 done, 1 the run failed, 2 a mistake in what was asked, 130 interrupted.
    """
    from dagy.cli.app import app  # importing `dagy.cli` costs nothing
    from dagy.cli.screen import say_error, say_warning
    from dagy.errors import DagyError

    warnings.showwarning = lambda message, *_args, **_kwargs: say_warning(str(message))
    try:
        app()
    except DagyError as error:
        say_error(str(error))
        sys.exit(2)
