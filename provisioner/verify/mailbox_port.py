"""Ports that people read their mail and manage their filters through: IMAP, POP3, ManageSieve."""

from __future__ import annotations

from provisioner.mail.imap import Answer, Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.verify.dialogue import Dialogue
from provisioner.verify.result import Unproven

NO_TLS_HINT = "The certificate or its key may be unreadable: the log of Dovecot names it."


def prove_imap(dialogue: Dialogue) -> str:
    """143: LOGINDISABLED until STARTTLS (RFC 9051 §6.2.3); 993: TLS from the first byte."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    imap = Imap(dialogue.wire)
    greeting = imap.greeting()
    if not greeting.upper().startswith("* OK"):
        raise Unproven("refused", "greets with", evidence=(greeting,), retry=True)
    outcome = ""
    if dialogue.port.tls == "starttls":
        _answered(imap.capability(), "CAPABILITY")
        plain = () if "LOGINDISABLED" in imap.capabilities else ("LOGIN",)
        dialogue.before = tuple(dict.fromkeys((*imap.mechanisms, *plain)))
        if "STARTTLS" not in imap.capabilities:
            raise _no_starttls(" ".join(imap.capabilities))
        outcome = _no_login_yet(imap, dialogue)
        facts = imap.starttls(dialogue.tls_context(), dialogue.expect.hostname)
        if isinstance(facts, Answer):
            raise Unproven("tls", "answered STARTTLS with", evidence=(facts.tagged,), hint=NO_TLS_HINT)
        dialogue.keep(facts)
    _answered(imap.capability(), "CAPABILITY")
    dialogue.after = imap.mechanisms
    if "LOGINDISABLED" in imap.capabilities or not dialogue.after:
        raise _no_login(" ".join(imap.capabilities))
    imap.logout()
    return outcome


def _no_login_yet(imap: Imap, dialogue: Dialogue) -> str:
    if "LOGINDISABLED" in imap.capabilities:
        dialogue.refuse_clear_text_login()
        return "LOGINDISABLED before TLS"
    if dialogue.expect.same_host:
        # Dovecot lets its own host log in without TLS: seen from here, that says nothing.
        return "before TLS not seen from outside"
    dialogue.refuse_clear_text_login()
    return ""


def prove_pop3(dialogue: Dialogue) -> str:
    """110: no USER and no clear-text SASL until STLS (RFC 2595 §4); 995: TLS from the first byte."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    pop3 = Pop3(dialogue.wire)
    _positive(pop3.greeting(), "greets with")
    outcome = ""
    if dialogue.port.tls == "starttls":
        _positive(pop3.capa(), "answered CAPA with")
        dialogue.before = pop3.mechanisms
        if "STLS" not in pop3.capabilities:
            raise _no_starttls(" ".join(pop3.capabilities))
        outcome = _no_clear_text_yet(dialogue)
        facts = pop3.starttls(dialogue.tls_context(), dialogue.expect.hostname)
        if isinstance(facts, str):
            raise Unproven("tls", "answered STLS with", evidence=(facts,), hint=NO_TLS_HINT)
        dialogue.keep(facts)
    _positive(pop3.capa(), "answered CAPA with")
    dialogue.after = pop3.mechanisms
    if not dialogue.after:
        raise _no_login(" ".join(pop3.capabilities))
    pop3.quit()
    return outcome


def prove_managesieve(dialogue: Dialogue) -> str:
    """4190: no clear-text SASL until STARTTLS (RFC 5804 §1.7)."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    sieve = ManageSieve(dialogue.wire)
    _ready(sieve.answer(), "greets with")
    outcome = ""
    if dialogue.port.tls == "starttls":
        dialogue.before = sieve.mechanisms
        if "STARTTLS" not in sieve.capabilities:
            raise _no_starttls(" ".join(sieve.capabilities))
        outcome = _no_clear_text_yet(dialogue)
        facts = sieve.starttls(dialogue.tls_context(), dialogue.expect.hostname)
        if isinstance(facts, str):
            raise Unproven("tls", "answered STARTTLS with", evidence=(facts,), hint=NO_TLS_HINT)
        dialogue.keep(facts)
        _ready(sieve.answer(), "after STARTTLS said")
    dialogue.after = sieve.mechanisms
    if not dialogue.after:
        raise _no_login(" ".join(sieve.capabilities))
    sieve.logout()
    return outcome


def _no_clear_text_yet(dialogue: Dialogue) -> str:
    if dialogue.expect.same_host and dialogue.before:
        return "before TLS not seen from outside"
    dialogue.refuse_clear_text_login()
    return "no login before TLS"


def _answered(answer: Answer, command: str) -> None:
    if not answer.ok:
        raise Unproven("refused", f"answered {command} with", evidence=(answer.tagged,), retry=True)


def _positive(status: str, what: str) -> None:
    if not status.upper().startswith("+OK"):
        raise Unproven("refused", what, evidence=(status,), retry=True)


def _ready(status: str, what: str) -> None:
    if not status.upper().startswith("OK"):
        raise Unproven("refused", what, evidence=(status,), retry=True)


def _no_starttls(capabilities: str) -> Unproven:
    return Unproven("no-starttls", "does not offer STARTTLS", evidence=(capabilities,), hint=NO_TLS_HINT)


def _no_login(capabilities: str) -> Unproven:
    return Unproven("no-login", "offers no login under TLS", evidence=(capabilities,), retry=True)
