"""Programs of this machine that the sandbox needs, fetched from Debian when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from provisioner.sandbox.state import SandboxError

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing(programs: Mapping[str, str]) -> list[str]:
    """The packages whose program isn't there; `programs` maps program to package."""
    search = f"{os.environ.get('PATH', '')}:{_PATH}"
    return sorted({package for name, package in programs.items() if not shutil.which(name, path=search)})


def require(programs: Mapping[str, str]) -> None:
    """Install what is missing of `programs` (program: package).

    Raises SandboxError when this user can't, or the archive can't be reached.
    """
    wanted = missing(programs)
    if not wanted:
        return
    said = f"apt-get install {' '.join(wanted)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SandboxError(f"{', '.join(wanted)} isn't installed", hint=f"As root: {said}")
    print(f"Installing {', '.join(wanted)}.", file=sys.stderr, flush=True)
    argv = [
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
        *wanted,
    ]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    for attempt in (argv, ["apt-get", "update"], argv):  # a machine whose lists are old or gone
        done = subprocess.run(attempt, env=environment, capture_output=True, text=True, check=False)
        if attempt is argv and done.returncode == 0:
            return
    raise SandboxError(f"`{said}` failed", evidence=(done.stdout + done.stderr).splitlines()[-6:])
