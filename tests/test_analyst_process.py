"""The process that runs SQL ends when it should, whatever it does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from engine.errors import InternalError, PopulaceError, QueryFailedError, QueryLimitError, QueryRefusedError
from engine.execute.analyst import QueryLimits, QueryResult, door, open_query, worker
from engine.execute.analyst.protocol import Ending, Job
from tests.published import published_file

ROOT = Path(__file__).parents[1]
ENDLESS = "SELECT max(a.n) FROM range(100000) a(n), range(100000) b(n), range(100000) c(n) WHERE hash(a.n + b.n) = c.n"
ROWS_WITHOUT_END = "SELECT n FROM range(1000000000000) r(n)"
SOME_ROWS_THEN_NONE = """
SELECT repeat('x', 1000), CASE WHEN n > 50000 THEN levenshtein(repeat('a', 20000), repeat('b', 20000 + n % 2)) END
FROM range(100000) r(n)
"""
"""So wide that they do not fit into the buffer of DuckDB, so few that one thread makes them all."""
ONE_LONG_CALL = "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))"
MANY_ROWS = "SELECT n, 'user ' || n AS name, repeat('x', 100) AS filling FROM range({count}) r(n)"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_file(tmp_path_factory.mktemp("published"))


def pid_of(result: QueryResult) -> int:
    return result._worker._process.pid


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> set[int]:
    """The processes of which this one is the parent, dead ones that nobody has buried, too."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def open_files() -> set[str]:
    return {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


def comes_true(condition: Callable[[], bool], *, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def read_all(result: QueryResult) -> int:
    return sum(batch.num_rows for batch in result.batches())


@pytest.mark.parametrize("sql", [ENDLESS, SOME_ROWS_THEN_NONE, ONE_LONG_CALL], ids=["join", "rows", "call"])
def test_a_statement_stops_at_its_time_limit(published: Path, sql: str) -> None:
    started = time.monotonic()
    with (
        pytest.raises(QueryLimitError, match=r"more than 1.5 s; .* --timeout"),
        open_query(published, sql, QueryLimits(timeout_seconds=1.5)) as result,
    ):
        read_all(result)
    assert 1.5 < time.monotonic() - started < 1.5 + 5


def test_a_statement_stops_at_its_time_limit_though_nobody_reads(published: Path) -> None:
    """The kernel ends it, with no help of this process."""
    with open_query(published, SOME_ROWS_THEN_NONE, QueryLimits(timeout_seconds=1)) as result:
        for _ in zip(range(20), result.batches(), strict=False):
            pass
        assert comes_true(lambda: not is_running(pid_of(result)), within_seconds=10)
        with pytest.raises(QueryLimitError, match="--timeout"):
            read_all(result)
        assert result._worker.end()[0] == -signal.SIGXCPU


def test_the_kernel_alone_ends_a_call_at_its_time_limit(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []

    def remember(_: QueryResult, code: int, peak_bytes: int) -> PopulaceError:
        ends.append(code)
        return PopulaceError("ended")

    monkeypatch.setattr(door, "GRACE_SECONDS", 60)
    monkeypatch.setattr(QueryResult, "_error_of_end", remember)
    with pytest.raises(PopulaceError, match="ended"):
        open_query(published, ONE_LONG_CALL, QueryLimits(timeout_seconds=1))
    assert ends == [-signal.SIGALRM]


def test_the_time_that_the_reader_takes_does_not_count(published: Path) -> None:
    with open_query(published, MANY_ROWS.format(count=100_000), QueryLimits(timeout_seconds=1)) as result:
        row_count = 0
        for number, batch in enumerate(result.batches()):
            row_count += batch.num_rows
            if number % 12 == 0:
                time.sleep(0.6)
        assert row_count == 100_000
        assert (result.engine_seconds or 9) < 1


def test_a_worker_that_is_stopped_is_killed_from_outside(published: Path) -> None:
    """Should the kernel's timer fail (here: the process cannot be scheduled at all), this process ends it."""
    with open_query(published, ROWS_WITHOUT_END, QueryLimits(timeout_seconds=1)) as result:
        os.kill(pid_of(result), signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(QueryLimitError, match="--timeout"):
            read_all(result)
        assert time.monotonic() - started < 6
        assert comes_true(lambda: not is_running(pid_of(result)), within_seconds=5)


def test_a_worker_that_the_system_kills_was_too_large(published: Path) -> None:
    """What the kernel does when memory runs out."""
    with open_query(published, ROWS_WITHOUT_END) as result:
        os.kill(pid_of(result), signal.SIGKILL)
        with pytest.raises(QueryLimitError, match="--memory-limit"):
            read_all(result)


def test_a_worker_that_breaks_is_our_fault(published: Path) -> None:
    with open_query(published, ROWS_WITHOUT_END) as result:
        os.kill(pid_of(result), signal.SIGSEGV)
        with pytest.raises(InternalError, match="SIGSEGV"):
            read_all(result)


def test_the_memory_of_this_process_is_not_that_of_its_worker(published: Path) -> None:
    """Linux starts the count of a new process at the most that its parent has ever had."""
    limit_bytes = 512 << 20
    memory = bytearray(limit_bytes)
    memory[::4096] = b"1" * len(memory[::4096])
    with open_query(published, ROWS_WITHOUT_END, QueryLimits(memory_bytes=limit_bytes)) as result:
        os.kill(pid_of(result), signal.SIGSEGV)
        with pytest.raises(InternalError, match="SIGSEGV"):
            read_all(result)


def test_a_file_that_is_not_there_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match=r"nowhere\.duckdb"):
        open_query(tmp_path / "nowhere.duckdb", "SELECT 1")


def test_a_message_does_not_say_where_the_data_lie(published: Path) -> None:
    job = Job(str(published), "SELECT 1", 60.0, 1 << 30)
    error = duckdb.BinderException(f'Binder Error: no such thing in "{published}"')
    assert worker.ending_of(error, job) == (Ending.FAILED, 'Binder Error: no such thing in "the published data"')


def test_a_result_that_is_left_ends_its_process(published: Path) -> None:
    with open_query(published, ROWS_WITHOUT_END) as result:
        next(result.batches())
        assert is_running(pid_of(result))
    assert not is_running(pid_of(result))
    result.close()


def test_a_result_can_be_closed_by_another_thread(published: Path) -> None:
    result = open_query(published, ROWS_WITHOUT_END)
    threading.Timer(0.5, result.close).start()
    started = time.monotonic()
    with pytest.raises(QueryFailedError, match="closed"):
        read_all(result)
    assert time.monotonic() - started < 10
    with pytest.raises(QueryFailedError, match="closed"):
        read_all(result)


def test_the_thread_that_asked_may_end_before_the_rows_are_read(published: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(open_query, published, MANY_ROWS.format(count=500_000)).result()
    time.sleep(0.3)
    with result:
        assert read_all(result) == 500_000


@pytest.mark.parametrize("sql", [ENDLESS, ROWS_WITHOUT_END], ids=["before the rows", "among the rows"])
def test_ctrl_c_ends_the_process_at_once(published: Path, sql: str) -> None:
    before = children()
    timer = threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), open_query(published, sql) as result:
        read_all(result)
    assert time.monotonic() - started < 8
    assert children() == before


def test_the_worker_ends_when_its_parent_is_killed(published: Path) -> None:
    code = f"""
import sys
from engine.execute.analyst.process import WorkerProcess
from engine.execute.analyst.protocol import Job, job_bytes
worker = WorkerProcess(job_bytes(Job(sys.argv[1], {ENDLESS!r}, 60.0, 1 << 30)))
print(worker.read_frame(30), flush=True)
print(worker._process.pid, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, published], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "(b'S', b'')\n"
        worker = int(parent.stdout.readline())
        time.sleep(0.5)
        assert is_running(worker)
        parent.kill()
    assert comes_true(lambda: not is_running(worker), within_seconds=5)


def test_nothing_is_left_behind(published: Path) -> None:
    processes, files = children(), open_files()
    for _ in range(3):
        with open_query(published, "SELECT * FROM contacts") as result:
            read_all(result)
        for sql, error in (
            ("COPY contacts TO 'x'", QueryRefusedError),
            ("SELECT nosuch", QueryFailedError),
            ("SELECT repeat('x', 2000000000)", QueryLimitError),
        ):
            with pytest.raises(error):
                open_query(published, sql)
        open_query(published, ROWS_WITHOUT_END).close()
    assert children() == processes
    assert open_files() == files


def test_many_ask_at_once(published: Path) -> None:
    def ask(number: int) -> tuple[int, int]:
        sql = f"SELECT {number} AS n, count(*) FROM contacts, range({number})"
        with open_query(published, sql) as result:
            ((row,),) = ([*batch.to_pylist()] for batch in result.batches())
            return tuple(row.values())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(1, 25))) == [(number, 4 * number) for number in range(1, 25)]


def test_reading_many_rows_takes_little_memory(published: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from engine.execute.analyst import open_query
with open_query(Path(sys.argv[1]), "SELECT 1") as result:
    list(result.batches())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_query(Path(sys.argv[1]), sys.argv[2]) as result:
    row_count = sum(batch.num_rows for batch in result.batches())
print(row_count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    count = 5_000_000
    done = subprocess.run(
        [sys.executable, "-c", code, published, MANY_ROWS.format(count=count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    row_count, grown_kib = map(int, done.stdout.split())
    assert row_count == count
    assert grown_kib < 50 * 1024, "the rows are some 600 MB"


def test_the_worker_knows_nothing_of_the_environment(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "hunter2")
    with open_query(published, ROWS_WITHOUT_END) as result:
        pid = pid_of(result)
        try:
            environment = Path(f"/proc/{pid}/environ").read_text()
        except PermissionError:
            pytest.skip("the environment of a confined process cannot be read")
        assert os.getpgid(pid) == pid
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    for name in ("A_PASSWORD", "HOME", "PATH", "PYTHON"):
        assert name not in environment


def test_the_worker_is_found_where_the_package_is_not_installed(published: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from engine.execute.analyst import open_query
with open_query(Path(sys.argv[1]), "SELECT 40 + 2 AS answer") as result:
    print(next(result.batches()).to_pylist())
"""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, published],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), packages])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[{'answer': 42}]\n"
