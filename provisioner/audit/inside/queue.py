"""The queue of Postfix, Exim or OpenSMTPD: whether mail gets away, and whose mail does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

SIZE = Check(
    "queue.size",
    Severity.MEDIUM,
    "The queue is short",
    "A long queue means that others do not take your mail, or that somebody sends through you who should"
    " not.",
    "`qshape deferred` says where to, `postqueue -p` why; fix that, then `postqueue -f`. Exim: `exim4 -bp`,"
    " `exim4 -qff`. OpenSMTPD: `smtpctl show queue`, `smtpctl schedule all`.",
    "Postfix QSHAPE_README; exim(8); smtpctl(8)",
)
MOVING = Check(
    "queue.moving",
    Severity.HIGH,
    "Mail that is on its way moves",
    "What is active or incoming should be gone in minutes. Longer means that the queue manager or what it"
    " delivers to is stuck.",
    "`systemctl status postfix@-`, `journalctl -u postfix@- -p warning`; then `postqueue -f`.",
    "Postfix QSHAPE_README, sections incoming and active queue",
)
OLD = Check(
    "queue.old",
    Severity.LOW,
    "No mail has waited for days",
    "Its senders believe it has arrived. They hear nothing until `maximal_queue_lifetime` ends.",
    "`postqueue -p` names the reason; `postsuper -d ID` where the receiver does not exist any more;"
    " `delay_warning_time = 4h` tells senders.",
    "postconf(5), delay_warning_time; RFC 5321 §4.5.4.1",
)
HELD = Check(
    "queue.held",
    Severity.LOW,
    "No mail is put on hold or damaged",
    "Mail on hold stays until somebody lets it go, and people forget it.",
    "`postqueue -p` marks it with `!`; `postsuper -H ID` lets it go, `-d ID` deletes it. `postcat -q ID`"
    " reads what is corrupt. Exim: `exim4 -bp` says frozen; `exim4 -Mt ID`, `-Mrm ID`. OpenSMTPD: `smtpctl"
    " resume envelope ID`, `smtpctl remove ID`.",
    "postsuper(1); Postfix QSHAPE_README, section hold queue; exim(8); smtpctl(8)",
)
BACKSCATTER = Check(
    "queue.backscatter",
    Severity.MEDIUM,
    "The queue holds no bounces to forged senders",
    "Mail that is taken first and bounced later goes to whoever a spammer named as sender. Block lists count"
    " that against you.",
    "Refuse while the other side waits: `reject_unlisted_recipient` (the default), no catch-all relay, spam"
    " filters as milters.",
    "Postfix BACKSCATTER_README; RFC 3834 §2",
)
SENDER = Check(
    "queue.one-sender",
    Severity.HIGH,
    "No single sender fills the queue",
    "Hundreds of letters of one account that nobody takes are spam, most often: its password is known to"
    " somebody else.",
    "Lock the account and change its password, then `postqueue -j | …` and `postsuper -d` for what it sent.",
    "M3AAWG Sender Best Common Practices, Compromised accounts",
)
CHECKS = (SIZE, MOVING, OLD, HELD, BACKSCATTER, SENDER)

LONG = 200
VERY_LONG = 2000
"""Messages deferred."""
STUCK = 3600
"""Seconds that active or incoming mail may take."""
DAYS = 2 * 86400
MANY_BOUNCES = 30
MANY_OF_ONE = 100


@dataclass(frozen=True)
class Queue:
    """What the host counted."""

    counts: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, int] = field(default_factory=dict)
    """Arrival of the oldest message in each queue, in seconds since 1970."""
    senders: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    @property
    def why(self) -> tuple[str, ...]:
        """The commonest reasons that mail waits."""
        return tuple(
            f"{count} time{'' if count == 1 else 's'}: {reason}"
            for reason, count in list(self.reasons.items())[:5]
        )


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the queue. Subject of each finding: the host."""
    if "queue" not in inside.outputs:
        nothing = skipped("no mail server is there whose queue is known")
        for check in CHECKS:
            yield nothing.of(check, subject)
        return
    queue = _read(inside)
    yield _size(queue).of(SIZE, subject)
    yield _moving(queue, inside.at).of(MOVING, subject)
    yield _old(queue, inside.at).of(OLD, subject)
    yield _held(queue).of(HELD, subject)
    yield _backscatter(queue).of(BACKSCATTER, subject)
    yield _sender(queue).of(SENDER, subject)


def _read(inside: Inside) -> Queue:
    queue = Queue()
    for line in inside.output("queue").splitlines():
        match line.split("\t"):
            case ["count", number, name, oldest]:
                queue.counts[name], queue.oldest[name] = int(number), int(oldest)
            case ["sender", number, name]:
                queue.senders[name] = int(number)
            case ["reason", number, text]:
                queue.reasons[text] = int(number)
    for line in inside.output("queue-files").splitlines():
        name, _, count = line.partition(" ")
        if count.strip().isdecimal():
            queue.files[name] = int(count)
    return queue


def _size(queue: Queue) -> Verdict:
    waiting = queue.counts.get("deferred", 0)
    if waiting >= VERY_LONG:
        return failed(f"{waiting} messages wait to be tried again", *queue.why)
    if waiting >= LONG:
        return warned(f"{waiting} messages wait to be tried again", *queue.why)
    return passed(
        f"{waiting} messages wait to be tried again" if waiting else "no message waits to be tried again"
    )


def _moving(queue: Queue, now: int) -> Verdict:
    late = [
        f"{queue.counts[name]} {name}, the oldest since {_span(now - queue.oldest[name])}"
        for name in ("incoming", "active", "maildrop")
        if queue.oldest.get(name) and now - queue.oldest[name] > STUCK
    ]
    if late:
        return failed("mail that is on its way has not moved for an hour", *late, *queue.why)
    return passed("mail on its way moves")


def _span(seconds: int) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _old(queue: Queue, now: int) -> Verdict:
    oldest = queue.oldest.get("deferred")
    if oldest is None or now - oldest < DAYS:
        return passed("no message has waited for two days")
    return warned(f"the oldest message has waited for {_span(now - oldest)}", *queue.why)


def _held(queue: Queue) -> Verdict:
    held, corrupt = queue.counts.get("hold", 0), queue.files.get("corrupt", 0)
    parts = [f"{held} on hold"] * bool(held) + [f"{corrupt} corrupt"] * bool(corrupt)
    if parts:
        return warned(f"messages are kept back: {', '.join(parts)}")
    return passed("no message is on hold or corrupt")


def _backscatter(queue: Queue) -> Verdict:
    bounces = queue.senders.get("MAILER-DAEMON", 0)
    waiting = sum(queue.counts.get(name, 0) for name in ("deferred", "active"))
    if bounces >= MANY_BOUNCES and bounces * 2 >= waiting:
        return failed(f"{bounces} of {waiting} messages are bounces that nobody takes", *queue.why)
    return passed("few bounces wait" if bounces else "no heap of bounces waits")


def _sender(queue: Queue) -> Verdict:
    heaps = [f"{name}: {count} messages" for name, count in queue.senders.items()
             if name != "MAILER-DAEMON" and count >= MANY_OF_ONE]  # fmt: skip
    if heaps:
        return failed(f"{heaps[0].partition(':')[0]} fills the queue", *heaps)
    return passed("no single sender fills the queue")
