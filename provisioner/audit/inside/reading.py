"""The one exchange: send the script, take its answer, and what our own clock said around it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files

from provisioner.audit.inside.clock import Exchange
from provisioner.audit.inside.seen import ANSWER_LIMIT, Inside, parse
from provisioner.hosts.connection import Connection

PARTS = ("read.sh", "read_passwords.sh", "read_host.sh")
SCRIPT = "".join(files("provisioner.audit.inside").joinpath(part).read_text("utf-8") for part in PARTS)
"""One script, kept in three files for those who read it."""
SECONDS = 150.0
"""For the whole exchange; the script begins nothing more after 100 s, and no command has more than 20 s."""


@dataclass(frozen=True)
class Reading:
    """What a host told of itself, and when it was asked."""

    inside: Inside
    exchange: Exchange


def read(connection: Connection, seconds: float = SECONDS) -> Reading:
    """Everything that the audit wants to know of the host behind `connection`, which stays as it is.

    Raises `HostError` where there is no answer within `seconds`, or none that makes sense.
    """
    sent = time.time()
    result = connection.run(
        SCRIPT, argv0="provision-audit", timeout=min(seconds, SECONDS), limit_bytes=ANSWER_LIMIT
    )
    return Reading(parse(result.stdout), Exchange(sent, time.time()))
