"""The second exchange: run one transaction on a host, and learn from the host itself how it ended.

The outcome is what the runner wrote on the host, never what the connection looked like: a
connection that is lost is made again and asked.
"""

from __future__ import annotations

import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import Thread
from typing import Literal

from provisioner.errors import NotTouched, ProvisionError
from provisioner.hosts.bundle import SCRIPT, Meta, bundle
from provisioner.hosts.channels import ConnectionLost, Exchange, TimedOut
from provisioner.hosts.connection import Connection
from provisioner.hosts.together import HOST_PATIENCE_SECONDS, Company
from provisioner.hosts.wire import decode
from provisioner.plan import Plan

Answer = Literal["keep", "undo", "again"]
"""What a proof comes to; `again`: restart what was only reloaded, and ask once more."""

SILENCE_SECONDS = 30.0
"""The host sends a sign of life every 5 s; after this long without one the connection counts as lost."""
CONFIRM_SECONDS = 20.0
"""How long a new connection may take that must show that a change has not cut us off."""
CUT_OFF_DEADLINE = 45
"""Seconds that a host waits for that connection before it puts everything back."""
LONGEST_SECONDS = 10800.0
"""How long a transaction may take at all, however lively the host; longer, and it counts as lost.

Its longest step installs packages: apt-get gets 20 minutes, and may be run seven times.
"""
GLANCE_SECONDS = 0.2
"""How often one looks whether others have proven, or a person has called it off."""


class Refused(NotTouched):
    """The host could not take the transaction in."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a transaction gave up: the step's kind, its words, and what the host's programs printed."""

    kind: str
    words: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    """The last log lines of the service that failed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `kept`, `undone`, `stuck` (not all could be put back), `untouched`, or `unknown`."""

    outcome: str
    failure: Failure | None = None
    left: tuple[str, ...] = ()
    """What could not be put back."""
    service_ms: dict[str, int] = field(default_factory=dict)
    """Unit → milliseconds that its restart or reload took."""
    called_off: bool = False
    """Whether it was put back since a person, or another host's failure, called it off."""


@dataclass
class _Story:
    """What the runner's lines have said so far."""

    outcome: str = "unknown"
    kind: str = ""
    words: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    service_ms: dict[str, int] = field(default_factory=dict)
    called_off: bool = False

    def ended(self) -> Ended:
        failure = Failure(self.kind, self.words, self.output, self.log) if self.kind else None
        called_off = self.called_off and self.kind == "refused"
        return Ended(self.outcome, failure, self.left, self.service_ms, called_off)


def run_transaction(
    connection: Connection,
    plan: Plan,
    meta: Meta,
    *,
    prove: Callable[[], Answer],
    reconnect: Callable[[], Connection],
    progress: Callable[[str, str], None],
    lock_timeout: int = 60,
    deadline: int = 120,
    ignore_hold: bool = False,
    company: Company | None = None,
) -> Ended:
    """Carry out `plan`. `prove` is asked once services took the files up; it decides what becomes of it.

    `progress` gets each step and its detail. `company` is the run it is part of: in an agreement, what is
    proven is kept only once all hosts are. Raises NotTouched where the bundle never arrived.
    """
    company = company or Company()
    together = company.together
    if plan.cuts_off:
        deadline = min(deadline, CUT_OFF_DEADLINE)
    content = bundle(
        plan,
        meta,
        lock_timeout=lock_timeout,
        deadline=deadline,
        together=HOST_PATIENCE_SECONDS if together else 0,
        ignore_hold=ignore_hold,
    )
    start = f"begin {meta.id} {len(content)}\n".encode() + content
    talk = _Talk(plan, meta, prove, reconnect, progress, company)
    talk.ends = time.monotonic() + LONGEST_SECONDS + lock_timeout
    try:
        talk.follow(connection.start(SCRIPT, start))
    except Refused:
        raise
    except ProvisionError:
        if together is not None:
            together.fail(plan.host.name)
        if not talk.ask_again(deadline):
            raise
    return talk.story.ended()


def repair(connection: Connection, transaction: str, progress: Callable[[str, str], None]) -> Ended:
    """Put back a transaction whose runner died."""
    exchange = connection.start(SCRIPT, f"repair {transaction}\n".encode())
    story = _Story()
    ends = time.monotonic() + LONGEST_SECONDS
    for text in exchange.lines(SILENCE_SECONDS):
        if time.monotonic() > ends:
            raise TimedOut("putting back the transaction that died takes too long")
        if _take(text, story, progress):
            break
    exchange.close()
    return story.ended()


@dataclass
class _Talk:
    """One transaction's conversation: what is needed to go on with it over another connection."""

    plan: Plan
    meta: Meta
    prove: Callable[[], Answer]
    reconnect: Callable[[], Connection]
    progress: Callable[[str, str], None]
    company: Company
    story: _Story = field(default_factory=_Story)
    ends: float = float("inf")
    answer: str = ""
    """What was last said: `proven`, `keep` or `undo`; said again over a new connection."""
    waiting: bool = False
    """Whether the host waits for another transaction."""

    def follow(self, exchange: Exchange) -> bool:
        """Read the runner's lines to the last; answer its questions. False where it knows of nothing."""
        known, replayed = True, bool(self.answer)
        shown = self.progress if not replayed else lambda *_: None  # Its steps have been shown before.
        for text in exchange.lines(SILENCE_SECONDS):
            if time.monotonic() > self.ends:
                raise TimedOut("the transaction takes too long", hint="Run plan to see how the host is.")
            self.waiting = text.startswith("waiting ") or (self.waiting and text == "alive")
            if not self.answer and self._called_off():
                self._say(exchange, "undo")
            if text == "ask proof" and not self.answer:
                judged = self._judge()
                if judged == "keep" and self.plan.cuts_off:
                    return self._confirm_anew(exchange)
                if judged == "again":
                    exchange.send("again\n")
                else:
                    self._say(exchange, self._yes() if judged == "keep" else "undo")
            elif text == "ask others" and self.answer == "proven":
                self._agree(exchange)
            elif text.startswith("refused "):
                exchange.close()
                raise Refused(
                    text.removeprefix("refused "), hint="Make room on the host's disk, then apply again."
                )
            elif text == "gone":
                known = False
            elif _take(text, self.story, shown):
                exchange.send("bye\n")
                exchange.close()
                return known
        exchange.close()
        if known:
            raise NotTouched("the connection ended before the host said how the transaction ended")
        return known

    def ask_again(self, deadline: float) -> bool:
        """After a lost connection: what came of it? False where the host knows nothing of this transaction.

        `deadline`, in seconds, is how long the host itself waits before it puts everything back.
        """
        self.progress("step", "reconnect")
        together = self.company.together
        agreed = together is not None and together.verdict() is True
        keep = self.answer == "keep" or (self.answer == "proven" and agreed)
        self.answer = "keep" if keep else "undo"
        patience = HOST_PATIENCE_SECONDS if keep and agreed else deadline
        try:
            return self._go_on(self._connect(patience + SILENCE_SECONDS))
        except ProvisionError:
            return True

    def _say(self, exchange: Exchange, answer: str) -> None:
        self.answer = answer
        exchange.send(f"{answer}\n")

    def _yes(self) -> str:
        return "keep" if self.company.together is None else "proven"

    def _called_off(self) -> bool:
        self.story.called_off = self.company.called_off(self.waiting)
        return self.story.called_off

    def _judge(self) -> Answer:
        """What the proof comes to; given up where it is called off meanwhile."""
        proof: Future[Answer] = Future()

        def work() -> None:
            try:
                proof.set_result(self.prove())
            except BaseException as error:  # for the thread that waits for it
                proof.set_exception(error)

        Thread(target=work, name="proof", daemon=True).start()
        while not self._called_off():
            if wait([proof], GLANCE_SECONDS).done:
                return proof.result()
        return "undo"

    def _confirm_anew(self, exchange: Exchange) -> bool:
        """What may have cut us off is kept only if we can come in again."""
        self.progress("step", "confirm")
        connection = self._connect(CONFIRM_SECONDS)
        self.answer = self._yes()
        try:
            return self._go_on(connection)
        finally:
            exchange.close()

    def _agree(self, exchange: Exchange) -> None:
        """Wait until all hosts of the run have proven, or one has failed; and say so."""
        together = self.company.together
        assert together is not None
        self.progress("waiting", "all hosts of the run")
        together.ready(self.plan.host.name)
        self.company.settled()
        heard = time.monotonic()
        while (verdict := together.verdict()) is None:
            if self._called_off():
                together.fail("")
            try:
                text = exchange.read_line(GLANCE_SECONDS)
                heard = time.monotonic()
            except TimedOut:
                if time.monotonic() - heard > SILENCE_SECONDS:
                    raise
                continue
            if text is None:
                raise ConnectionLost("the connection ended while the other hosts were proven")
            if text != b"alive":  # It does not wait any more.
                together.fail(self.plan.host.name)
                _take(text.decode("utf-8", "replace"), self.story, self.progress)
        self.story.called_off = not verdict
        self._say(exchange, "keep" if verdict else "undo")

    def _go_on(self, connection: Connection) -> bool:
        """The same transaction over a new connection, which first says again what was said last."""
        said = f"answer {self.meta.id}\n{self.answer}\n".encode()
        return self.follow(connection.start(SCRIPT, said))

    def _connect(self, seconds: float) -> Connection:
        """A new connection, tried for so long."""
        ends = time.monotonic() + seconds
        while True:
            try:
                return self.reconnect()
            except ProvisionError:
                if time.monotonic() >= ends or self.company.stop.undo.is_set():
                    raise
                time.sleep(1.0)


def _take(text: str, story: _Story, progress: Callable[[str, str], None]) -> bool:
    """Add one line of the runner's to the story; True when it was the last."""
    verb, *words = text.split(" ")
    match verb:
        case "outcome" if words:
            story.outcome = words[0]
            return True
        case "fail" if words and not story.kind:
            story.kind, story.words = words[0], tuple(decode(word) for word in words[1:])
        case "output" if words and not story.output:
            story.output = _lines(words[0])
        case "log" if len(words) == 2:
            story.log = (*story.log, *_lines(words[1]))
        case "left" if words:
            story.left = (*story.left, decode(words[0]))
        case "took" if len(words) == 3 and words[2].isdigit():
            unit = decode(words[0])
            story.service_ms[unit] = story.service_ms.get(unit, 0) + int(words[2])
        case "step" | "validate" | "run" | "prove" | "restart" | "reload" | "waiting":
            progress(verb, " ".join(decode(word) for word in words))
    return False


def _lines(word: str) -> tuple[str, ...]:
    """The last lines that a program printed, as the host sent them."""
    try:
        text = b64decode(word, validate=True).decode("utf-8", "replace")
    except (Base64Error, ValueError):
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-20:]
