"""The one exchange: send the script, take its answer."""

from __future__ import annotations

from importlib.resources import files

from provisioner.adopt.seen import ANSWER_LIMIT, Seen, parse
from provisioner.hosts.connection import Connection

SCRIPT = files("provisioner.adopt").joinpath("read.sh").read_text(encoding="utf-8")
SECONDS = 300.0
"""For the whole exchange: commands and tables have limits of their own, of 20 s each."""


def read(connection: Connection) -> Seen:
    """Everything about the mail server behind `connection`, which stays as it is. Raises HostError."""
    result = connection.run(SCRIPT, argv0="provision-adopt", timeout=SECONDS, limit_bytes=ANSWER_LIMIT)
    return parse(result.stdout)
