"""What tasks say while they run: `print`, `logging`, warnings; one log for each run.

`capture` listens for the time of a run: `streams` stands in for `sys.stdout` and `sys.stderr`,
`capture` also takes log records and warnings, and both find out from the context which run, task
run and attempt is speaking. `run_log` puts whole lines into the run's file, `lines` says what a
line holds, `read` reads the file, also while it grows.

One file for each run, not for each task run: a thousand tasks that print a line each cost a
thousand writes to one open file, what they said stays in the order in which they said it, and
whoever follows a run follows one file.
"""

from dagy.logs.capture import capture
from dagy.logs.lines import LogLine
from dagy.logs.read import follow, last_lines, read_lines
from dagy.logs.run_log import RunLog

__all__ = ["LogLine", "RunLog", "capture", "follow", "last_lines", "read_lines"]
