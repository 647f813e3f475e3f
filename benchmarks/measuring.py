"""Running a command and saying what it took."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CommandFailed(Exception):
    """A command ended with a status that is no success; the text holds its last lines."""


@dataclass(frozen=True)
class Taken:
    """What one run of a command took: seconds of wall clock and of CPU, MB of its largest process."""

    seconds: float
    cpu: float
    rss: float
    output: str = ""
    files: int = 0
    """The most open files that were seen, looking fifty times a second."""


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    timeout: float = 1800.0,
    *,
    statuses: Sequence[int] = (0,),
) -> Taken:
    """Run a command to its end. Raises `CommandFailed` where its status is none of `statuses`."""
    with tempfile.TemporaryFile() as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            status, usage, files = _wait(process.pid, begun + timeout)
        except TimeoutError:
            process.kill()
            raise CommandFailed(f"{command[0]} took more than {timeout:g} s") from None
        finally:
            process.returncode = -1  # It has been waited for.
        seconds = time.monotonic() - begun
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if status not in statuses:
        words = " ".join(str(word) for word in command)
        raise CommandFailed(f"{words}\nended with status {status}:\n" + "\n".join(text.splitlines()[-25:]))
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text, files)


def _wait(pid: int, deadline: float) -> tuple[int, resource.struct_rusage, int]:
    """Wait for a child: its status, what it and its own children used, the most files it had open."""
    looked = files = 0
    while (now := time.monotonic()) < deadline:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage, files
        if (tick := int(now * 50)) != looked:
            looked, files = tick, max(files, _open_files(pid))
        time.sleep(0.002)
    raise TimeoutError


def _open_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:  # It has just ended.
        return 0


def best(runs: int, measure: Callable[[], Taken]) -> Taken:
    """The least of each over several runs: what else the machine did meanwhile only ever adds."""
    taken = [measure() for _ in range(runs)]
    least = min(taken, key=lambda one: one.seconds)
    return Taken(
        least.seconds,
        min(t.cpu for t in taken),
        min(t.rss for t in taken),
        least.output,
        min(t.files for t in taken),
    )
