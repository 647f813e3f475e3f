"""Imports paramiko without what we use nothing of; to be imported before paramiko itself.

`paramiko.config` imports invoke for `Match exec`, and goes without where it is missing. We read
ssh_config ourselves, and invoke is two fifths of paramiko's import time (60 of 157 ms).
"""

from __future__ import annotations

import sys

_LEFT_OUT = "invoke"

if "paramiko" not in sys.modules and _LEFT_OUT not in sys.modules:
    sys.modules[_LEFT_OUT] = None  # type: ignore[assignment]  # Python's own way to say: not there
    try:
        import paramiko  # noqa: F401
    finally:
        del sys.modules[_LEFT_OUT]
