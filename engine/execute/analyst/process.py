"""The worker process as its parent holds it: started, read frame by frame, killed with all that it started."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from engine.execute.analyst.protocol import HEADER, MAX_FRAME_BYTES

ROOT = Path(__file__).parents[3]
"""Where the packages of populace lie, installed or not."""

READ_BYTES = 1 << 16
KEPT_COMPLAINT_BYTES = 1 << 14
END_SECONDS = 1
LOOK_SECONDS = 0.002
MEASURE_SECONDS = 0.02

_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from engine.execute.analyst.worker import main
main()
"""
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the interpreter itself may need to start."""


class BrokenFrameError(Exception):
    """The worker sent what is no frame."""


class WorkerProcess:
    """A worker that is given one job. One thread reads; any thread may kill."""

    def __init__(self, job: bytes) -> None:
        self._job, self._sent = memoryview(job), 0
        self._received, self._complaint = bytearray(), bytearray()
        self._reading, self._closed = threading.Lock(), False
        self._reaping, self._peak_bytes, self._measured_at = threading.Lock(), 0, 0.0
        # -I and -S: nothing of the user's environment or home decides what the worker loads. It finds its modules
        # where this process does, for those may be installed, in a source tree, or on PYTHONPATH.
        paths = [path for path in sys.path if Path(path).is_absolute()]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _BOOT, json.dumps([*paths, str(ROOT)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in self._pipes)
        self._poll = select.poll()
        for file, event in (
            (self._stdin, select.POLLOUT),
            (self._stdout, select.POLLIN),
            (self._stderr, select.POLLIN),
        ):
            os.set_blocking(file, False)
            self._poll.register(file, event)

    def read_frame(self, timeout_seconds: float) -> tuple[bytes, bytes] | None:
        """The next frame: its kind, its bytes. None once the worker has ended.

        Raises: TimeoutError, BrokenFrameError.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._reading:
            while not self._closed:
                frame = self._taken_frame()
                if frame is not None:
                    return frame
                if not self._wait(deadline):
                    break
        return None

    def kill(self) -> None:
        """End the worker at once, and whatever it may have started."""
        with self._reaping:
            if not self._reaped(os.WNOHANG):
                with suppress(ProcessLookupError, PermissionError):  # it has just ended; macOS says the latter
                    os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the worker if it still runs, reap it, give back its pipes."""
        self.kill()
        with self._reading:
            self._closed = True
            for pipe in self._pipes:
                pipe.close()
        with self._reaping:
            self._reaped(0)

    def end(self) -> tuple[int, int]:
        """What a worker that has closed its pipe ended with (negative: a signal), and the most memory that it had.

        It is given a moment to end, then killed.
        """
        deadline = time.monotonic() + END_SECONDS
        while True:
            with self._reaping:
                if self._reaped(os.WNOHANG):
                    return self._process.returncode, self._peak_bytes
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(LOOK_SECONDS)

    def _reaped(self, options: int) -> bool:
        """Whether the worker has ended; by wait4, which Popen does not use, for what it says of memory.

        Not on Linux: there a process begins with the most that its parent ever had, and the parent may be a server.
        """
        if self._process.returncode is None:
            try:
                pid, status, usage = os.wait4(self._process.pid, options)
            except ChildProcessError:  # this program ignores SIGCHLD, and the system forgets its dead
                self._process.returncode = 0
                return True
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                if sys.platform != "linux":
                    self._peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self._process.returncode is not None

    @property
    def complaint(self) -> str:
        """The end of what the worker wrote on its standard error."""
        return self._complaint.decode(errors="replace").strip()

    def _taken_frame(self) -> tuple[bytes, bytes] | None:
        """The next frame of what was received; None if it is not complete."""
        if len(self._received) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._received)
        if length > MAX_FRAME_BYTES:
            raise BrokenFrameError
        end = HEADER.size + length
        if len(self._received) < end:
            return None
        body = bytes(memoryview(self._received)[HEADER.size : end])
        del self._received[:end]
        return kind, body

    def _wait(self, deadline: float) -> bool:
        """Move some bytes in any direction; false at the end of the frames. Raises: TimeoutError."""
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0:
            raise TimeoutError
        ended = False
        self._measure()
        wait_seconds = min(left_seconds, MEASURE_SECONDS) if sys.platform == "linux" else left_seconds
        for file, _ in self._poll.poll(wait_seconds * 1000 + 1):
            if file == self._stdin:
                self._send()
            elif file == self._stdout:
                part = _read(file)
                self._received += part or b""
                ended = part == b""
            else:
                self._hear()
        if ended:
            self._hear()
        return not ended

    def _measure(self) -> None:
        """Look now and then at the most memory that the worker has had: nothing tells once it has ended."""
        now = time.monotonic()
        if sys.platform == "linux" and now - self._measured_at >= MEASURE_SECONDS:
            self._measured_at = now
            self._peak_bytes = max(self._peak_bytes, _peak_bytes(self._process.pid))

    def _send(self) -> None:
        """Send more of the job. The pipe stays open: its end is what tells the worker that this process has ended."""
        try:
            self._sent += os.write(self._stdin, self._job[self._sent : self._sent + READ_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._sent = len(self._job)
        if self._sent == len(self._job):
            self._poll.unregister(self._stdin)

    def _hear(self) -> None:
        part = _read(self._stderr)
        if part == b"":
            self._poll.modify(self._stderr, 0)
        self._complaint += part or b""
        del self._complaint[:-KEPT_COMPLAINT_BYTES]


def _read(file: int) -> bytes | None:
    """Some bytes; None if there are none yet, nothing at the end."""
    try:
        return os.read(file, READ_BYTES)
    except BlockingIOError:
        return None


def _peak_bytes(pid: int) -> int:
    """The most memory that a process on Linux has had; 0 if it has ended."""
    with suppress(OSError), Path(f"/proc/{pid}/status").open("rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _environment() -> dict[str, str]:
    """Nothing of this process's environment but what the interpreter needs; and single-mindedness of the allocators."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
