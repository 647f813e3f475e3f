"""What the answers of port 25 mean. No I/O: everything is in the `SmtpTalk`."""

from __future__ import annotations

import re

from provisioner.audit.disclosure import judge_disclosure
from provisioner.audit.finding import Severity
from provisioner.audit.smtp_reply import Ground, ground
from provisioner.audit.smtp_talk import SmtpTalk
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned
from provisioner.mail.smtp import Reply
from provisioner.mail.tls_stream import TlsFacts

SMALL_BYTES = 10 * 1024 * 1024
"""Below this, ordinary attachments don't pass; the large providers take 20 to 50 MB."""

_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\.?", re.I)
_NOWHERE = ("localhost", "localdomain", "local", "internal", "lan", "home", "invalid")
_NULL_SENDER = re.compile(r"<>.{0,20}sender|sender.{0,20}<>|(null|empty) sender|bounce", re.I)
_MASKED = re.compile(r"X{5,}|\*{5,}")


def answers(talk: SmtpTalk) -> Verdict:
    """Greeting and EHLO."""
    if talk.greeting is None:
        return untested(f"does not answer: {talk.trouble}")
    if not talk.greeting.accepted:
        return failed(f"turns away with {talk.greeting}", *talk.greeting.lines)
    if talk.hello is None:
        return failed("greets, and does not answer EHLO", *talk.greeting.lines, talk.trouble)
    if not talk.hello.accepted:
        return failed(f"refuses EHLO: {talk.hello}", *talk.hello.lines)
    return passed("greets and answers EHLO", str(talk.greeting))


def banner_name(talk: SmtpTalk) -> Verdict | None:
    """A full name in the greeting, the same in the answer to EHLO."""
    if talk.greeting is None or not talk.greeting.accepted:
        return None
    said = (str(talk.greeting), *(talk.hello.lines[:1] if talk.hello else ()))
    wrong = _name_fault(talk.banner_name)
    if wrong:
        return failed(f"the greeting {wrong}", *said)
    if talk.hello is None or not talk.hello.accepted:
        return None
    # Some large providers answer EHLO with "Hello" or "at your service"; the name is the greeting's.
    if _NAME.fullmatch(talk.ehlo_name) and talk.ehlo_name.lower() != talk.banner_name.lower():
        return warned(f"calls itself {talk.banner_name} first and {talk.ehlo_name} in EHLO", *said)
    return passed(f"calls itself {talk.banner_name}", *said)


def _name_fault(name: str) -> str:
    if not name:
        return "has no name"
    if _MASKED.search(name):
        return "is masked by something in between"
    if not _NAME.fullmatch(name):
        return f"begins with `{name[:80]}`, which is no full host name"
    if name.rstrip(".").lower().rpartition(".")[2] in _NOWHERE:
        return f"has the name {name[:80]}, which means nothing outside"
    return ""


def banner_software(talk: SmtpTalk) -> Verdict | None:
    """Versions in what everybody is told."""
    if talk.greeting is None:
        return None
    said = [*talk.greeting.lines, *(talk.hello.lines[:1] if talk.hello else ())]
    return judge_disclosure(tuple(said))


def starttls(talk: SmtpTalk) -> Verdict | None:
    """Offered, and works."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    if isinstance(talk.starttls, TlsFacts):
        return passed(f"turns to {talk.starttls.version}", "250-STARTTLS")
    if isinstance(talk.starttls, Reply):
        return failed(f"offers STARTTLS and refuses it: {talk.starttls}", *talk.starttls.lines)
    if talk.silent:
        return untested(f"offers STARTTLS and does not come to TLS in time: {talk.starttls}", "250-STARTTLS")
    if isinstance(talk.starttls, str):
        return failed(f"offers STARTTLS and can't do it: {talk.starttls}", "250-STARTTLS")
    return failed("offers no STARTTLS: everything crosses the network in clear text", *talk.hello.lines)


def stripped(talk: SmtpTalk) -> Verdict | None:
    """The marks of a device that blots STARTTLS out."""
    if talk.greeting is None or talk.hello is None or not talk.hello.accepted:
        return None
    marks = [line for line in (*talk.greeting.lines, *talk.hello.lines) if _MASKED.search(line)]
    if marks and "STARTTLS" not in talk.before:
        return failed("something in between blots out what the server says", *marks)
    return passed("nothing in what the server says is blotted out")


def starttls_again(talk: SmtpTalk) -> Verdict | None:
    """RFC 3207 §4.2."""
    if not talk.tls:
        return None if talk.trouble else skipped("no TLS here")
    if "STARTTLS" in talk.after:
        return failed("offers STARTTLS again inside TLS", "250-STARTTLS")
    return passed("does not offer STARTTLS again inside TLS")


def login_before_tls(talk: SmtpTalk) -> Verdict | None:
    """AUTH in clear text."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    if "AUTH" in talk.before:
        return failed("offers a login before TLS", f"250-AUTH {' '.join(talk.before['AUTH'])}")
    return passed("offers no login before TLS")


def login_here(talk: SmtpTalk) -> Verdict | None:
    """AUTH at all: people belong on 465 and 587."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    if "AUTH" in talk.extensions:
        return warned(
            "offers a login on the port for other servers", f"250-AUTH {' '.join(talk.extensions['AUTH'])}"
        )
    return passed("offers no login on the port for other servers")


def size(talk: SmtpTalk) -> Verdict | None:
    """RFC 1870."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    if "SIZE" not in talk.extensions:
        return warned("announces no size limit: what is too large is refused after it was sent")
    digits = "".join(talk.extensions["SIZE"][:1])
    limit = int(digits) if re.fullmatch(r"\d{1,18}", digits) else 0
    if not limit:
        return warned("announces that messages may have any size", f"250-SIZE {digits}".rstrip())
    text = f"{limit / 1_000_000:.1f} MB"
    if limit < SMALL_BYTES:
        return warned(f"takes messages up to {text}, which is little", f"250-SIZE {digits}")
    return passed(f"takes messages up to {text}", f"250-SIZE {digits}")


NOTED = ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES")


def extensions(talk: SmtpTalk) -> Verdict | None:
    """What is offered, and 8BITMIME at least."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    offered = [name for name in NOTED if name in talk.extensions]
    said = f"offers {', '.join(offered) or 'none of ' + ', '.join(NOTED)}"
    missing = [name for name in ("8BITMIME", "PIPELINING") if name not in talk.extensions]
    greeting = "" if talk.greeting is None else str(talk.greeting)
    if missing == ["PIPELINING"] and "OpenSMTPD" in greeting:  # no setting of it would change that
        return passed(f"{said}; OpenSMTPD has no PIPELINING")
    if missing:
        return warned(f"{said}; not {' and '.join(missing)}", *talk.hello.lines)
    return passed(said)


def etrn(talk: SmtpTalk) -> Verdict | None:
    """RFC 1985."""
    if talk.hello is None or not talk.hello.accepted:
        return None
    if "ETRN" in talk.extensions:
        return warned("offers ETRN, by which a stranger starts deliveries", "250-ETRN")
    return passed("offers no ETRN")


def null_sender(talk: SmtpTalk) -> Verdict | None:
    """Bounces must get in: MAIL FROM:<>, and a recipient after it."""
    sender, recipient = talk.null_sender, talk.recipients.get("postmaster", talk.recipients.get("bare"))
    if sender is None:
        return None
    if not sender.accepted:
        if sender.code < 500 or ground(sender) in (Ground.CLIENT, Ground.LATER):
            return untested(f"MAIL FROM:<> was put off: {sender}")
        return failed(f"MAIL FROM:<> is refused: {sender}", *sender.lines)
    if recipient is not None and _for_null_sender(recipient):
        return failed(f"no recipient is taken from the null sender: {recipient}", *recipient.lines)
    return passed("takes bounces", f"MAIL FROM:<> → {sender}")


def _for_null_sender(reply: Reply) -> bool:
    """Postfix and others refuse a sender only after the recipient (smtpd_delay_reject)."""
    return not reply.accepted and bool(_NULL_SENDER.search(" ".join(reply.texts)))


def postmaster(talk: SmtpTalk) -> Verdict | None:
    """RFC 5321 §4.5.1."""
    if not talk.domain:
        return _taken(talk, "bare", "postmaster")
    verdict = _taken(talk, "postmaster", f"postmaster@{talk.domain}")
    bare = talk.recipients.get("bare")
    if verdict is not None and verdict.outcome == "pass" and bare is not None and bare.refused:
        return warned(
            "postmaster without a domain is refused", f"RCPT TO:<postmaster> → {bare}", *verdict.evidence
        )
    return verdict


def abuse(talk: SmtpTalk) -> Verdict | None:
    """RFC 2142 §4."""
    if not talk.domain:
        return skipped("no mail domain is known for it")
    return _taken(talk, "abuse", f"abuse@{talk.domain}")


def _taken(talk: SmtpTalk, key: str, address: str) -> Verdict | None:
    reply = talk.recipients.get(key)
    if reply is None:
        return None
    said = f"RCPT TO:<{address}> → {reply}"
    if reply.accepted:
        return passed(f"takes mail for {address}", said)
    if ground(reply) in (Ground.CLIENT, Ground.LATER) or _for_null_sender(reply) or reply.code == 421:
        return untested(f"whether mail for {address} is taken can't be told from here: {reply}", said)
    if not reply.refused:
        return untested(f"mail for {address} was put off, perhaps by greylisting: {reply}", said)
    if ground(reply) == Ground.RELAYING and key != "bare":
        return failed(
            f"does not know the domain: mail for {address} would be relayed", said, severity=Severity.HIGH
        )
    return failed(f"refuses mail for {address}: {reply}", said)


def unknown_recipient(talk: SmtpTalk) -> Verdict | None:
    """An address that nobody has is refused at RCPT."""
    if not talk.domain:
        return skipped("no mail domain is known for it")
    reply, known = talk.recipients.get("unknown"), talk.recipients.get("postmaster")
    if reply is None or known is None:
        return None
    said = (f"RCPT TO:<{talk.unknown}> → {reply}", f"RCPT TO:<postmaster@{talk.domain}> → {known}")
    if reply.accepted:
        return warned(
            "every address is taken: a catch-all, or mail that is bounced to a forged sender later", *said
        )
    if not known.accepted and str(known) == str(reply).replace(talk.unknown, f"postmaster@{talk.domain}"):
        return untested("postmaster gets the same answer, so that it says nothing of this address", *said)
    if ground(reply) in (Ground.CLIENT, Ground.LATER) or reply.code == 421:
        return untested(f"can't be told from here: {reply}", *said)
    if not reply.refused:
        return warned("an address that nobody has is put off and not refused: senders try for days", *said)
    return passed("an address that nobody has is refused before the message is sent", *said)


def address_literal(talk: SmtpTalk) -> Verdict | None:
    """RFC 5321 §4.1.3: taken, or refused for good."""
    reply = talk.recipients.get("literal")
    if reply is None:
        return None
    said = f"RCPT TO:<postmaster@[…]> → {reply}"
    if reply.accepted:
        return passed("takes mail for postmaster at its address", said)
    if reply.refused:
        return passed("refuses mail for its bare address for good", said)
    if ground(reply) in (Ground.CLIENT, Ground.LATER):
        return untested(f"can't be told from here: {reply}", said)
    return warned("mail for its bare address is put off and not refused", said)
