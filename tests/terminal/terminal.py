"""A terminal for tests: a program runs on a pseudo-terminal, and its screen can be looked at."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pyte


class Terminal:
    """Runs `dagy ...` on a pseudo-terminal of its own.

    Attributes:
        raw: all that the program wrote, escape sequences included.
    """

    def __init__(self, *arguments, cwd, columns=80, lines=24, env=None, stdout=None):
        self.raw = ""
        self._screen = pyte.HistoryScreen(columns, lines, history=100_000)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = os.openpty()
        self._set_size(slave, columns, lines)

        def on_the_terminal():
            os.login_tty(os.dup(slave))
            if stdout is not None:
                os.dup2(stdout.fileno(), 1)
            # Whoever runs the tests in the background may have them ignore it; children inherit that.
            signal.signal(signal.SIGINT, signal.default_int_handler)

        given = {key: value for key, value in os.environ.items() if key not in _OF_THE_TESTS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dagy", *arguments],
            cwd=cwd,
            env={**given, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **(env or {})},
            preexec_fn=on_the_terminal,
            pass_fds=[] if stdout is None else [stdout.fileno()],
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def display(self):
        """The lines on the screen, without the empty ones at its end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def scrollback(self):
        """Everything that was on the screen, what has left it at the top first."""
        gone = [
            "".join(line[x].data for x in range(self._screen.columns)).rstrip()
            for line in self._screen.history.top
        ]
        return "\n".join([*gone, self.display])

    @property
    def cursor_hidden(self):
        return self._screen.cursor.hidden

    def wait_for(self, *texts, timeout=120):
        """Read until the screen shows all of these texts."""
        deadline = time.monotonic() + timeout
        while not all(text in self.display for text in texts):
            if time.monotonic() > deadline or not self._read(1):
                missing = [text for text in texts if text not in self.display]
                raise AssertionError(f"{missing} not on the screen:\n{self.display}")

    def finish(self, timeout=120):
        """Read to the end of the program; return its exit code."""
        deadline = time.monotonic() + timeout
        while self._read(1):
            assert time.monotonic() < deadline, self.display
        return self.process.wait(timeout)

    def type(self, text):
        os.write(self._master, text.encode())

    def resize(self, columns, lines):
        self._screen.resize(lines, columns)
        self._set_size(self._master, columns, lines)

    def _read(self, timeout):
        """Read what there is; return False at the end of the program."""
        if not select.select([self._master], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # how Linux says that nobody has the other end any more
            return False
        self.raw += data.decode("utf-8", "replace")
        self._stream.feed(data)
        return bool(data)

    @staticmethod
    def _set_size(fd, columns, lines):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


_OF_THE_TESTS = {"CI", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE"}
