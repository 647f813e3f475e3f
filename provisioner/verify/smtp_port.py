"""SMTP ports: 25 takes mail for its own domains from anyone, 587 and 465 from those who log in."""

from __future__ import annotations

from provisioner.mail.smtp import Reply, Smtp
from provisioner.verify.dialogue import Dialogue
from provisioner.verify.result import Unproven

STILL_STARTING = "If the service was just restarted, its own log says what it waits for."


def prove_mail_exchange(dialogue: Dialogue) -> str:
    """Port 25: STARTTLS, no login, mail for local recipients only. Never as far as DATA."""
    smtp = _open(dialogue)
    dialogue.before = smtp.mechanisms
    if dialogue.port.tls == "starttls":
        _start_tls(smtp, dialogue)
    dialogue.after = smtp.mechanisms
    if offered := (*dialogue.before, *dialogue.after):
        raise Unproven(
            "login-without-tls" if dialogue.before else "login-offered",
            f"offers to log in ({' '.join(dict.fromkeys(offered))}) on the port that servers use",
            hint="Leave logins to 587 and 465; on 25 they only invite guessing.",
        )
    _take_local_recipients(smtp, dialogue)
    _refuse_foreign_recipients(smtp, dialogue)
    smtp.quit()
    return _what_it_takes(len(dialogue.expect.recipients))


def prove_submission(dialogue: Dialogue) -> str:
    """587 and 465: a login is offered under TLS only, and nothing is taken without one."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    smtp = _open(dialogue)
    if dialogue.port.tls == "starttls":
        dialogue.before = smtp.mechanisms
        if dialogue.before:
            raise Unproven(
                "login-without-tls", f"offers to log in ({' '.join(dialogue.before)}) without TLS",
                hint="smtpd_tls_auth_only = yes: everybody on the way can read the password.",
            )  # fmt: skip
        _start_tls(smtp, dialogue)
    dialogue.after = smtp.mechanisms
    if not dialogue.after:
        raise Unproven(
            "no-login", "offers no login under TLS", evidence=_offered(smtp),
            hint="The SASL service may be down: look at the log of Postfix and of Dovecot.", retry=True,
        )  # fmt: skip
    _refuse_without_login(smtp, dialogue)
    smtp.quit()
    return "only after TLS" if dialogue.port.tls == "starttls" else ""


def prove_lmtp(dialogue: Dialogue) -> str:
    """LMTP over TCP: takes local recipients, refuses others (RFC 2033)."""
    smtp = _open(dialogue, lmtp=True)
    _take_local_recipients(smtp, dialogue)
    smtp.quit()
    return _what_it_takes(len(dialogue.expect.recipients), relays=False)


def _open(dialogue: Dialogue, *, lmtp: bool = False) -> Smtp:
    smtp = Smtp(dialogue.wire, lmtp=lmtp)
    _accepted(smtp.read_reply(), "greets with")
    _accepted(smtp.hello(dialogue.expect.client_name), "answered EHLO with")
    return smtp


def _start_tls(smtp: Smtp, dialogue: Dialogue) -> None:
    if "STARTTLS" not in smtp.extensions:
        raise Unproven(
            "no-starttls", "does not offer STARTTLS", evidence=_offered(smtp),
            hint="Postfix goes on without TLS where it can't load certificate or key: its log says so.",
        )  # fmt: skip
    facts = smtp.starttls(dialogue.tls_context(), dialogue.expect.hostname)
    if isinstance(facts, Reply):
        raise Unproven(
            "tls", "answered STARTTLS with", evidence=facts.lines, hint=_hint(facts), retry=not facts.refused
        )
    dialogue.keep(facts)
    _accepted(smtp.hello(dialogue.expect.client_name), "answered EHLO under TLS with")


def _accepted(reply: Reply, what: str) -> None:
    if not reply.accepted:
        raise Unproven("refused", what, evidence=reply.lines, hint=_hint(reply), retry=not reply.refused)


def _take_local_recipients(smtp: Smtp, dialogue: Dialogue) -> None:
    _accepted(smtp.mail_from(""), "answered MAIL FROM:<> with")
    for recipient in dialogue.expect.recipients:
        _accepted(smtp.rcpt_to(recipient), f"answered RCPT TO:<{recipient}> with")


def _refuse_foreign_recipients(smtp: Smtp, dialogue: Dialogue) -> None:
    """Twice: a bounce's sender, and one of our own, which careless access lists let relay."""
    senders = ("", *dialogue.expect.recipients[:1])
    proofs = 0
    last: Reply | None = None
    for sender in senders:
        _accepted(smtp.rset(), "answered RSET with")
        if (last := smtp.mail_from(sender)).refused:
            proofs += 1
            continue
        for recipient in dialogue.expect.foreign:
            last = smtp.rcpt_to(recipient)
            if last.accepted:
                raise Unproven(
                    "open-relay", f"relays mail for strangers: from <{sender}> to <{recipient}>, no login",
                    evidence=last.lines,
                    hint="Trust no more than loopback in mynetworks, and keep reject_unauth_destination.",
                )  # fmt: skip
            proofs += last.refused
    if not proofs and last is not None:
        raise Unproven(
            "unproven", "neither takes nor refuses mail for a foreign domain:", evidence=last.lines,
            hint=_hint(last), retry=True,
        )  # fmt: skip


def _refuse_without_login(smtp: Smtp, dialogue: Dialogue) -> None:
    recipients = (*dialogue.expect.recipients[:1], *dialogue.expect.foreign[:1])
    reply = smtp.mail_from(dialogue.expect.recipients[0] if dialogue.expect.recipients else "")
    if reply.refused:
        return
    _accepted(reply, "answered MAIL with")
    for recipient in recipients:
        reply = smtp.rcpt_to(recipient)
        if reply.accepted:
            raise Unproven(
                "mail-without-login", f"takes mail to <{recipient}> without a login", evidence=reply.lines,
                hint="smtpd_relay_restrictions = permit_sasl_authenticated, reject",
            )  # fmt: skip
        if not reply.refused:
            raise Unproven(
                "refused", f"answered RCPT TO:<{recipient}> with", evidence=reply.lines, hint=_hint(reply),
                retry=True,
            )  # fmt: skip


def _hint(reply: Reply) -> str:
    text = " ".join(reply.texts)
    if "configuration error" in text:
        return "Postfix refuses a setting only when it uses it: its log names the setting."
    if "Temporary lookup failure" in text:
        return "A table or a socket that Postfix looks up can't be read: its log names it."
    if "TLS not available due to local problem" in text:
        return "A certificate and a key that can't be read or don't belong together: the log names them."
    if (reply.code in (421, 451) and "Service unavailable" in text) or "4.3.0 Try again later" in text:
        return "A milter does not answer: its service may be down or its socket in another place."
    return STILL_STARTING if 400 <= reply.code < 500 else ""


def _offered(smtp: Smtp) -> tuple[str, ...]:
    words = " ".join(" ".join((name, *values)) for name, values in smtp.extensions.items())
    return (f"250 {words}",)


def _what_it_takes(domains: int, *, relays: bool = True) -> str:
    parts = [f"takes mail for {domains} domain{'' if domains == 1 else 's'}"] if domains else []
    return ", ".join((*parts, "refuses to relay") if relays else parts)
