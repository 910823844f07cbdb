"""`OtherProcess`: a process that answers requests, kept since it is slow to start."""

import atexit
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO

__all__ = ["OtherProcess"]


class OtherProcess:
    """Started when it is first asked, and again when it has ended; it may end when it is idle.

    Args:
        command: makes the command when it is started.
        read: reads one answer from its standard output; empty at the end of it.
    """

    def __init__(self, command: Callable[[], Sequence[str]], read: Callable[[IO[bytes]], bytes]):
        self._command, self._read = command, read
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, request: bytes) -> bytes:
        """The answer; empty if the process ended without one, twice."""
        with self._lock:
            for _ in range(2):  # it may have ended by itself, just now
                if answer := self._asked(self._started(), request):
                    return answer
                self._end()
        return b""

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            atexit.unregister(self.close)
            self._end()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )
            atexit.register(self.close)
        return self._process

    def _asked(self, process: "subprocess.Popen[bytes]", request: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("Expected pipes to the other process. Received: none")
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except BrokenPipeError:
            return b""
        return self._read(process.stdout)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
