"""What a walk along a connection came to: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.explain.result import Kind


class Stage(StrEnum):
    """A step, in the order in which they are taken. The values are public."""

    ROUTE = "route"
    """Which server takes a domain's mail (MX)."""
    NAME = "name"
    CONNECT = "connect"
    GREETING = "greeting"
    HELLO = "hello"
    TLS = "tls"
    CERTIFICATE = "certificate"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    MAILBOX = "mailbox"
    """The mailbox, opened by IMAP or POP3; and the message, looked for in it."""


class Outcome(StrEnum):
    """What a step came to."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `detail` may hold what a server said: whoever shows it escapes it."""

    stage: Stage
    outcome: Outcome
    detail: str
    seconds: float | None = None
    kind: Kind | None = None
    """What it means, where it failed or warns."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A whole walk."""

    target: str
    """As the user named it, with its port."""
    user: str
    steps: tuple[Step, ...]
    transcript: tuple[str, ...] = ()
    """What was said, without secrets."""

    @property
    def failure(self) -> Step | None:
        """The step that failed; None where all went well."""
        return next((step for step in self.steps if step.outcome is Outcome.FAILED), None)
