"""The log that `-v` shows, on stderr."""

from __future__ import annotations

import logging

from provisioner.report.escape import escape


class _SafeFormatter(logging.Formatter):
    """Log records may quote hosts: every line is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(escape(line) for line in super().format(record).splitlines())


def show_log(level: int) -> None:
    """Show our own log; from level 2 the details, from level 3 that of the SSH library too."""
    handler = logging.StreamHandler()
    handler.setFormatter(_SafeFormatter("%(relativeCreated)7d ms  %(message)s"))
    ours = logging.getLogger("provisioner")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO if level == 1 else logging.DEBUG)
    ours.propagate = False
    if level >= 3:
        library = logging.getLogger("paramiko")
        library.addHandler(handler)
        library.setLevel(logging.DEBUG)
