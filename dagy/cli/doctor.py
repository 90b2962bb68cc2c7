"""`dagy doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from rich.text import Text

from dagy.cli.place import Place
from dagy.cli.screen import out, print_json
from dagy.doctor import Level, examine

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
_MARGIN = 6


def show_examination(place: Place, bucket: str | None, *, as_json: bool) -> None:
    """Print what every check finds; exit with 1 if something does not work."""
    findings = examine(lambda: place.find(bucket=bucket))
    works = all(finding.level is not Level.FAIL for finding in findings)
    if as_json:
        print_json({"ok": works, "checks": [asdict(finding) for finding in findings]})
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            level = (f"{finding.level:<{_MARGIN}}", _STYLES[finding.level])
            out.print(Text.assemble(level, f"{finding.name:<{width}}  {finding.found}"))
            if finding.advice:
                out.print(Text(f"{'':<{_MARGIN + width}}  {finding.advice}", style="dim"))
    if not works:
        sys.exit(1)
