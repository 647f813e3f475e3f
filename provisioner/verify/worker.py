"""The process that runs the checks: `python -m provisioner.verify.worker FD`.

pytest keeps its state in the process, so that hosts which are checked at the same time need one
process each. It starts while the connections are still being made, gets its jobs through the socket
FD, one host's at a time, asks the parent for every command, and sends each result as it comes.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from provisioner.verify.job import Job

if TYPE_CHECKING:
    from provisioner.verify.result import Check

JOB_BYTES = 1 << 30


def main(descriptor: int) -> int:
    """Run jobs until the parent hangs up."""
    import pytest

    from provisioner.verify.plugin import Plugin

    channel = Connection(descriptor)

    def send(check: Check) -> None:
        channel.send_bytes(json.dumps({"check": asdict(check)}).encode())

    while True:
        try:
            data = channel.recv_bytes(JOB_BYTES)
        except EOFError:
            return 0
        # What comes is from the process that started this one, through a socket nobody else holds.
        job = pickle.loads(data)  # noqa: S301
        assert isinstance(job, Job)
        folders = [str(folder) for folder in job.folders()]
        status = pytest.main([*_arguments(job), *folders], [Plugin(job, channel, send)]) if folders else 0
        _forget(folders)
        channel.send_bytes(json.dumps({"done": int(status)}).encode())


def _arguments(job: Job) -> list[str]:
    """pytest's options: nobody's configuration but ours, nothing written beside the tests."""
    options = [
        "-c", os.devnull, "--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:testinfra",
        "--continue-on-collection-errors", "--quiet", "--no-header", "--no-summary", "--tb=short",
        "--color=no", "-W", "ignore",
    ]  # fmt: skip
    if job.tests is not None:
        root = job.tests.parent
        options += [f"--rootdir={root}", f"--confcutdir={root}", "-o", f"pythonpath={job.tests}"]
    return options


def _forget(folders: list[str]) -> None:
    """Let the next host's run load the tests anew: nothing that they keep goes from host to host."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and any(file.startswith(f"{folder}{os.sep}") for folder in folders):
            del sys.modules[name]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
