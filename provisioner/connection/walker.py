"""A walk under way: what is wished for, the steps taken so far, the open conversation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.connection.exchange import Said
from provisioner.connection.result import Outcome, Stage, Step, Walk
from provisioner.connection.sasl import SaslError, UnprovenError
from provisioner.connection.speakers import Speaker
from provisioner.connection.target import Target
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver
from provisioner.explain.kinds import kind
from provisioner.explain.replies import explain_reply
from provisioner.explain.result import Kind
from provisioner.mail.wire import ConversationError, Trouble


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do besides connecting."""

    user: str = ""
    password: str = ""
    token: str = ""
    """An access token (OAuth 2.0) to log in with, in place of a password."""
    mechanism: str = ""
    """The one to use; `""` takes the best that is offered."""
    mail_from: str | None = None
    rcpt_to: str = ""
    helo_name: str = "localhost"
    seconds: float = 10.0
    """For each answer."""
    authorities: str | None = None
    """PEM text of the authorities to trust; None for the system's."""


class Ended(Exception):
    """The walk can't go on; its last step says why."""


@dataclass
class Walker:
    """A walk under way; `speaker` is there once the greeting came, for whoever goes on afterwards."""

    target: Target
    wish: Wish
    resolver: Resolver
    reach: Reach
    note: Callable[[Step], None] = lambda step: None
    """Told of each step as it is made."""
    steps: list[Step] = field(default_factory=list)
    speaker: Speaker | None = None
    address: str = ""
    server_name: str = ""
    backups: list[str] = field(default_factory=list)
    """Further servers (MX) that take the domain's mail where this one can't be reached."""
    transcript: list[str] = field(default_factory=list)

    # --- what was learnt ------------------------------------------------------------------

    def ok(self, stage: Stage, detail: str, begun: float | None = None) -> None:
        """A step that went well; `begun` is when, on the monotonic clock."""
        self._add(Step(stage, Outcome.OK, detail, None if begun is None else time.monotonic() - begun))

    def warn(self, stage: Stage, detail: str, meaning: Kind, begun: float | None = None) -> None:
        """A step that went on with something to mind."""
        seconds = None if begun is None else time.monotonic() - begun
        self._add(Step(stage, Outcome.WARNING, detail, seconds, meaning))

    def fail(self, stage: Stage, detail: str, meaning: Kind, begun: float | None = None) -> Ended:
        """The step at which the walk ends; the exception is for the caller to raise."""
        seconds = None if begun is None else time.monotonic() - begun
        self._add(Step(stage, Outcome.FAILED, detail, seconds, meaning))
        return Ended()

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self.note(step)

    def kind(self, id_: str, /, **values: str) -> Kind:
        """A kind of failure with this walk's host, port and user filled in."""
        return kind(id_, **{"host": self.server_name or self.target.host, "port": str(self.target.port),
                             "user": self.wish.user, **values})  # fmt: skip

    def meaning(self, said: str, stage: str) -> Kind:
        """What a server's refusal means."""
        values = {"host": self.server_name, "port": str(self.target.port), "user": self.wish.user}
        found = explain_reply(said, stage=stage, **values).kind
        if found.id == "accepted":  # A 2xx where another was due.
            return self.kind("server-fault", detail=said)
        return found

    # --- the conversation -----------------------------------------------------------------

    def talking(self) -> Speaker:
        """The conversation, which has begun."""
        assert self.speaker is not None
        return self.speaker

    def asked(self, stage: Stage, begun: float, ask: Callable[[], Said]) -> Said:
        """What the server answers; ends the walk where it does not."""
        try:
            return ask()
        except ConversationError as error:
            if stage is Stage.LOGIN:
                name = "login-cut" if error.trouble is Trouble.CLOSED else "login-unavailable"
            elif stage is Stage.MAILBOX and error.trouble is Trouble.CLOSED:
                name = "mailbox-unreadable"
            else:
                name = {Trouble.CLOSED: "shutting-down", Trouble.SILENT: "silent"}.get(
                    error.trouble, "wrong-service"
                )
            raise self.fail(stage, error.message, self.kind(name, detail=error.message), begun) from None
        except SaslError as error:
            name = "server-unproven" if isinstance(error, UnprovenError) else "server-fault"
            meaning = self.kind(name, detail=str(error))
            raise self.fail(stage, str(error), meaning, begun) from None

    def end(self) -> None:
        """Close the connection."""
        if self.speaker is not None:
            self.transcript += self.speaker.wire.transcript
            self.speaker.end()
            self.speaker = None

    def walk(self) -> Walk:
        """What there is to say now."""
        said = [*self.transcript, *(self.speaker.wire.transcript if self.speaker else ())]
        return Walk(str(self.target), self.wish.user, tuple(self.steps), tuple(said))
