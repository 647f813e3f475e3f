"""TLS as Postfix is set to use it: offered, demanded for logins, with which versions, ciphers and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.postfix_view import Port, Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

OFFERED = Check(
    "postfix.tls-offered",
    Severity.HIGH,
    "Port 25 offers TLS, and demands it of nobody",
    "Without it, mail comes in readable to all on the way. Where it is demanded, servers without TLS"
    " can't deliver"
    " at all.",
    "main.cf: `smtpd_tls_security_level = may`, with smtpd_tls_chain_files.",
    "postconf(5), smtpd_tls_security_level; RFC 3207 §4",
)
LOGIN = Check(
    "postfix.plaintext-login",
    Severity.HIGH,
    "Passwords are taken over TLS only",
    "A password that is sent in the clear can be read by everybody on the way, and is used within minutes.",
    "main.cf: `smtpd_tls_auth_only = yes`.",
    "postconf(5), smtpd_tls_auth_only; RFC 8314 §3.3",
)
SUBMISSION = Check(
    "postfix.submission-tls",
    Severity.MEDIUM,
    "The ports for people demand TLS",
    "A mail program that somebody in between keeps from STARTTLS goes on in the clear, with mail and all.",
    "master.cf, below submission: `-o smtpd_tls_security_level=encrypt`; below submissions (465):"
    " `-o smtpd_tls_wrappermode=yes`.",
    "RFC 8314 §3.3; postconf(5), smtpd_tls_wrappermode",
)
OUTBOUND = Check(
    "postfix.outbound-tls",
    Severity.HIGH,
    "Mail goes out over TLS where the receiver offers it",
    "Postfix's own default is none: all mail leaves readable to everybody on the way.",
    "main.cf: `smtp_tls_security_level = may`, or `dane` with `smtp_dns_support_level = dnssec` and a"
    " resolver"
    " that validates.",
    "postconf(5), smtp_tls_security_level; RFC 7672 §2",
)
VERSIONS = Check(
    "postfix.tls-versions",
    Severity.MEDIUM,
    "TLS 1.2 is the oldest version",
    "TLS 1.0 and 1.1 rest on SHA-1 and MD5, and are deprecated. What depends on them depends on OpenSSL's"
    " defaults where Postfix sets nothing.",
    "main.cf: `smtpd_tls_mandatory_protocols = >=TLSv1.2` and `smtpd_tls_protocols = >=TLSv1.2`"
    " (before Postfix 3.6: `!SSLv2, !SSLv3, !TLSv1, !TLSv1.1`).",
    "RFC 8996; NCSC-NL, IT Security Guidelines for TLS (2025), §3.3.1",
)
CIPHERS = Check(
    "postfix.tls-ciphers",
    Severity.MEDIUM,
    "No weak cipher grade is set",
    "The grades low, export and null take ciphers that are broken.",
    "main.cf: take smtpd_tls_ciphers and smtpd_tls_mandatory_ciphers out (the default is medium), or set"
    " `high`.",
    "postconf(5), smtpd_tls_mandatory_ciphers; NCSC-NL, IT Security Guidelines for TLS (2025), appendix B",
)
FILES = Check(
    "postfix.tls-files",
    Severity.HIGH,
    "The certificate and the key that Postfix names are there",
    "Without them smtpd answers STARTTLS with an error: mail comes in the clear, and people can't send.",
    "main.cf: `smtpd_tls_chain_files = KEY, CHAIN` with files that exist, then `postfix reload`.",
    "postconf(5), smtpd_tls_chain_files",
)
CHECKS = (OFFERED, LOGIN, SUBMISSION, OUTBOUND, VERSIONS, CIPHERS, FILES)

_ENCRYPTING = ("encrypt", "fingerprint", "dane", "dane-only", "verify", "secure", "may", "half-dane")
_OLD = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_NUMBERS = {"SSLv3": 0, "TLSv1": 1, "TLSv1.0": 1, "TLSv1.1": 2, "TLSv1.2": 3, "TLSv1.3": 4}


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the TLS settings. Subject of each finding: the host."""
    return judged(
        inside,
        subject,
        {
            OFFERED: _offered,
            LOGIN: _login,
            SUBMISSION: _submission,
            OUTBOUND: _outbound,
            VERSIONS: _versions,
            CIPHERS: _ciphers,
            FILES: _files,
        },
    )


def _level(postfix: Postfix, port: Port | None) -> str:
    """The security level; old switches decide where it is empty (postconf(5))."""
    level = postfix.get("smtpd_tls_security_level", port)
    if level:
        return level
    if postfix.yes("smtpd_enforce_tls", port):
        return "encrypt"
    return "may" if postfix.yes("smtpd_use_tls", port) else "none"


def _offered(postfix: Postfix) -> Verdict:
    name = "smtpd_tls_security_level"
    ports = [port for port in postfix.strangers if port in postfix.open_ports]
    if not ports:
        return skipped("smtpd does not take mail on port 25 from the network")
    level = _level(postfix, ports[0])
    if level == "none":
        return postfix.at(failed("port 25 offers no TLS"), name, ports[0])
    if level != "may":
        verdict = warned(
            f"port 25 demands TLS ({level}): servers without it can't deliver", severity=Severity.LOW
        )
        return postfix.at(verdict, name, ports[0])
    return postfix.at(passed("port 25 offers TLS"), name, ports[0])


def _login(postfix: Postfix) -> Verdict:
    ports = [port for port in postfix.open_ports if postfix.yes("smtpd_sasl_auth_enable", port)]
    if not ports:
        return skipped("no port takes logins")
    for port in ports:
        safe = _level(postfix, port) == "encrypt" or postfix.yes("smtpd_tls_wrappermode", port)
        no_words = "noplaintext" in postfix.words("smtpd_sasl_security_options", port)
        if not (safe or no_words or postfix.yes("smtpd_tls_auth_only", port)):
            verdict = failed(f"port {port.service.name} takes passwords without TLS")
            return postfix.at(verdict, "smtpd_tls_auth_only", port)
    return postfix.at(passed("passwords are taken over TLS only"), "smtpd_tls_auth_only", ports[0])


def _submission(postfix: Postfix) -> Verdict:
    if not postfix.people:
        return skipped("there is no port for people in master.cf")
    for port in postfix.people:
        if port.kind == "submissions" and not postfix.yes("smtpd_tls_wrappermode", port):
            verdict = failed(f"port {port.service.name} does not begin with TLS: mail programs wait in vain")
            return replace(postfix.at(verdict, "smtpd_tls_wrappermode", port), place=port.place)
        if port.kind == "submission" and _level(postfix, port) != "encrypt":
            verdict = failed(f"port {port.service.name} takes mail without TLS")
            return replace(postfix.at(verdict, "smtpd_tls_security_level", port), place=port.place)
    return replace(passed("the ports for people demand TLS"), place=postfix.people[0].place)


def _outbound(postfix: Postfix) -> Verdict:
    name = "smtp_tls_security_level"
    level = postfix.get(name)
    if not level and (postfix.yes("smtp_use_tls") or postfix.yes("smtp_enforce_tls")):
        level = "may"
    if level not in _ENCRYPTING:
        return postfix.at(failed("mail leaves without TLS"), name)
    if level.startswith("dane") and postfix.get("smtp_dns_support_level") != "dnssec":
        verdict = failed("DANE is asked for, but answers of DNS are not validated: nothing is checked",
                         postfix.said("smtp_dns_support_level"), severity=Severity.MEDIUM,
                         fix="main.cf: `smtp_dns_support_level = dnssec`.")  # fmt: skip
        return postfix.at(verdict, name)
    return postfix.at(passed("mail leaves over TLS where the receiver offers it"), name)


def oldest(value: str) -> str:
    """The oldest version below TLS 1.2 that a list of protocols takes; `""` for none."""
    words = value.replace(",", " ").replace(":", " ").split()
    for word in words:
        if word.startswith(">="):
            floor = word[2:] if word[2:] else "SSLv3"
            return floor if _NUMBERS.get(floor, 9) < _NUMBERS["TLSv1.2"] else ""
    named = [word for word in words if word[:1] not in "!<"]
    if named:
        return next((version for version in _OLD if version in named), "")
    return next((version for version in _OLD if f"!{version}" not in words), "") if words else "SSLv3"


def _versions(postfix: Postfix) -> Verdict:
    if not postfix.open_ports:
        return skipped("no port of smtpd is open to the network")
    for name in ("smtpd_tls_mandatory_protocols", "smtpd_tls_protocols"):
        for port in postfix.open_ports:
            if old := oldest(postfix.get(name, port)):
                is_set = name in postfix.here or name in port.service.options
                weight = Severity.MEDIUM if is_set and name.endswith("mandatory_protocols") else Severity.LOW
                verdict = warned(
                    f"{old} is not ruled out; only OpenSSL's defaults may stand against it", severity=weight
                )
                return postfix.at(verdict, name, port)
    return postfix.at(passed("TLS 1.2 is the oldest version"), "smtpd_tls_mandatory_protocols")


def _ciphers(postfix: Postfix) -> Verdict:
    for name in (
        "smtpd_tls_mandatory_ciphers",
        "smtpd_tls_ciphers",
        "smtp_tls_ciphers",
        "smtp_tls_mandatory_ciphers",
    ):
        for port in (None, *postfix.ports):
            if (grade := postfix.get(name, port).lower()) in ("low", "export", "null"):
                return postfix.at(failed(f"the grade {grade} takes broken ciphers"), name, port)
    for name in ("tls_medium_cipherlist", "tls_high_cipherlist"):
        found = re.search(r"(?<![!\w-])(RC4|eNULL|EXPORT|DES-CBC|3DES)\b", postfix.get(name))
        if name in postfix.here and found:
            return postfix.at(failed(f"the list has {found[1]}"), name)
    return passed("no weak cipher grade is set", postfix.said("smtpd_tls_mandatory_ciphers"))


def _files(postfix: Postfix) -> Verdict:
    if _level(postfix, None) == "none" and not postfix.people:
        return skipped("smtpd is not set to offer TLS")
    names = ["smtpd_tls_chain_files"]
    if not postfix.get(names[0]):
        names = ["smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_eccert_file", "smtpd_tls_eckey_file"]
    given = [(name, path) for name in names for path in postfix.words(name)]
    files = [(name, path) for name, path in given if path.startswith("/")]
    if not files:
        return postfix.at(failed("no certificate is named"), names[0])
    for name, path in files:
        if path not in postfix.inside.files:
            return postfix.at(failed(f"{path} does not exist"), name)
    return postfix.at(passed(f"{', '.join(path for _, path in files[:4])} are there"), files[0][0])
