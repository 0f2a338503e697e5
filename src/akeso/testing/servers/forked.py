"""The command `akeso` in processes of their own, forked from one that has loaded its code already.

A new interpreter needs a second or two of computing until Akeso is imported, and tests start Akeso hundreds of times.
Only the import is saved: whatever is killed, asked to end or waited for is a process like any other.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["akeso.testing.servers.loaded"])


class ForkedAkeso:
    """One such process, spoken to as to a `subprocess.Popen`.

    arguments: of the command; environment: the whole of it; out, err: files that are written on.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
    ) -> None:
        given = (tuple(arguments), folder, dict(environment), out, err)
        # A daemon: it ends with the process of the tests, whatever becomes of them.
        self._process = _CONTEXT.Process(target=_be_akeso, args=given, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing when it has ended."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    def poll(self) -> int | None:
        """The exit code, minus the signal's number after one; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("akeso", timeout or 0.0)
        return code


def _be_akeso(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["akeso", *arguments]
    from akeso.faces import cli

    cli.main()
