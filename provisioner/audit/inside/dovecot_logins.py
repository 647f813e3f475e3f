"""How people log in to Dovecot: over TLS or not, by which mechanisms, and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.dovecot_view import Dovecot, everywhere, judged, passdb, wide
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

CLEARTEXT = Check(
    "dovecot.plaintext-login",
    Severity.HIGH,
    "Passwords are taken over TLS only",
    "A password that is sent in the clear can be read by everybody on the way.",
    "Dovecot 2.3: `disable_plaintext_auth = yes`; 2.4: `auth_allow_cleartext = no`. In both: `ssl ="
    " required`.",
    "doc.dovecot.org, disable_plaintext_auth, auth_allow_cleartext; RFC 8314 §3.2",
)
TLS = Check(
    "dovecot.tls",
    Severity.HIGH,
    "TLS is required",
    "With `ssl = no` everything is readable on the way. With `yes`, a mail program that somebody keeps"
    " from STARTTLS"
    " still shows its user's name, and logs in by mechanisms that send no password.",
    "`ssl = required`.",
    "doc.dovecot.org, ssl; RFC 8314 §3.2",
)
VERSIONS = Check(
    "dovecot.tls-versions",
    Severity.MEDIUM,
    "TLS 1.2 is the oldest version",
    "TLS 1.0 and 1.1 rest on SHA-1 and MD5, and are deprecated.",
    "`ssl_min_protocol = TLSv1.2`.",
    "RFC 8996; doc.dovecot.org, ssl_min_protocol",
)
CIPHERS = Check(
    "dovecot.tls-ciphers",
    Severity.MEDIUM,
    "No weak cipher is in the list",
    "Broken ciphers in the list are agreed on by whoever asks for them, or makes the other side ask.",
    "Take ssl_cipher_list out, or `ssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20`.",
    "doc.dovecot.org, ssl_cipher_list; NCSC-NL, IT Security Guidelines for TLS (2025), appendix B",
)
FILES = Check(
    "dovecot.tls-files",
    Severity.HIGH,
    "The certificate that Dovecot names is there",
    "Without it no connection comes to TLS, and nobody can log in after the next restart.",
    "Dovecot 2.3: `ssl_cert = </path/fullchain.pem`; 2.4: `ssl_server_cert_file = /path/fullchain.pem`.",
    "doc.dovecot.org, ssl_cert, ssl_server_cert_file",
)
MECHANISMS = Check(
    "dovecot.mechanisms",
    Severity.MEDIUM,
    "No mechanism needs passwords that can be read on the server",
    "CRAM-MD5, DIGEST-MD5, NTLM and APOP need each password in the clear, or as good as that, on the"
    " server. Over TLS"
    " they protect nothing that PLAIN doesn't.",
    "`auth_mechanisms = plain login` (over TLS only); scram-sha-256 is fine as well.",
    "RFC 6331; RFC 8314 §3.2; doc.dovecot.org, auth_mechanisms",
)
LOGGED = Check(
    "dovecot.password-logs",
    Severity.HIGH,
    "No password gets into the log",
    "Logs are copied, sent and kept: everybody who reads them can log in as everybody.",
    "`auth_debug_passwords = no` and `auth_verbose_passwords = no`; then delete the old logs.",
    "doc.dovecot.org, auth_verbose_passwords, auth_debug_passwords",
)
DEBUG = Check(
    "dovecot.debug",
    Severity.LOW,
    "Debugging is off",
    "mail_debug and auth_debug write pages for each login: the disk fills, and what matters is lost"
    " among it.",
    "`mail_debug = no`, `auth_debug = no`.",
    "doc.dovecot.org, mail_debug, auth_debug",
)
TRUSTED = Check(
    "dovecot.trusted-networks",
    Severity.MEDIUM,
    "No wide network is trusted",
    "Whoever is in login_trusted_networks may log in without TLS, and may say which address they come"
    " from: bans and"
    " limits then hit somebody else.",
    "`login_trusted_networks =`, with the addresses of your own proxies only.",
    "doc.dovecot.org, login_trusted_networks",
)
ANYBODY = Check(
    "dovecot.open-passdb",
    Severity.CRITICAL,
    "Nobody logs in without a password of their own",
    "A static passdb gives every name the same password, or none: who knows a name reads the mail.",
    "Take `passdb static` (driver = static) out, or limit it to a proxy.",
    "doc.dovecot.org, Static Password Database",
)
MASTERS = Check(
    "dovecot.master-users",
    Severity.INFO,
    "There are no master users, or somebody knows of them",
    "A master user logs in as everybody, with one password. Useful for a move, and often forgotten after it.",
    "Take the passdb with `master = yes` out when it is not needed.",
    "doc.dovecot.org, Master Users",
)
CHECKS = (CLEARTEXT, TLS, VERSIONS, CIPHERS, FILES, MECHANISMS, LOGGED, DEBUG, TRUSTED, ANYBODY, MASTERS)

_READABLE = ("cram-md5", "digest-md5", "apop", "ntlm", "rpa", "skey", "otp", "lanman")
_OLD = ("ANY", "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1")
_WEAK = frozenset(
    {"LOW", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "RC4", "RC2", "DES", "3DES", "MD5", "NULL", "aNULL",
     "eNULL", "ADH", "AECDH", "COMPLEMENTOFALL"}
)  # fmt: skip
_PASSDB = r"passdb(\s+static)?"


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the ways to log in. Subject of each finding: the host."""
    ways = {
        CLEARTEXT: everywhere(_cleartext, "disable_plaintext_auth", "auth_allow_cleartext", "ssl"),
        TLS: everywhere(_tls, "ssl"),
        VERSIONS: everywhere(_versions, "ssl_min_protocol", "ssl"),
        CIPHERS: everywhere(_ciphers, "ssl_cipher_list"),
        FILES: everywhere(_files, "ssl_cert", "ssl_server_cert_file"),
        MECHANISMS: _mechanisms,
        LOGGED: _logged,
        DEBUG: _debug,
        TRUSTED: _trusted,
        ANYBODY: _anybody,
        MASTERS: _masters,
    }
    return judged(inside, subject, ways)


def _cleartext(dovecot: Dovecot) -> Verdict:
    old, new = "disable_plaintext_auth", "auth_allow_cleartext"
    name = dovecot.name(old, new)
    allowed = dovecot.get(name) == ("yes" if name == new else "no")
    if allowed and dovecot.get("ssl") != "required":
        return dovecot.at(failed("passwords are taken without TLS"), name)
    return dovecot.at(passed("passwords are taken over TLS only"), name)


def _tls(dovecot: Dovecot) -> Verdict:
    value = dovecot.get("ssl")
    if value == "no":
        return dovecot.at(failed("there is no TLS"), "ssl")
    if value != "required":
        return dovecot.at(warned("TLS is offered, and not required", severity=Severity.LOW), "ssl")
    return dovecot.at(passed("TLS is required"), "ssl")


def _versions(dovecot: Dovecot) -> Verdict:
    value = dovecot.get("ssl_min_protocol")
    if dovecot.get("ssl") == "no":
        return skipped("there is no TLS")
    if value in _OLD:
        return dovecot.at(failed(f"{value} is taken"), "ssl_min_protocol")
    return dovecot.at(passed(f"{value or 'TLSv1.2'} is the oldest version"), "ssl_min_protocol")


def _ciphers(dovecot: Dovecot) -> Verdict:
    value = dovecot.set.get("ssl_cipher_list")
    words = value.replace(",", ":").replace(" ", ":").split(":")
    # A word without `!`, `-` or `+` in front adds ciphers; `A+B` are those that are both.
    weak = [word for word in words if word[:1] not in "!-+" and _WEAK & set(word.split("+"))]
    out = {word.lstrip("!") for word in words if word.startswith("!")}
    weak = [word for word in weak if word not in out]
    if weak:
        return dovecot.at(failed(f"the list has {', '.join(weak)}"), "ssl_cipher_list")
    said = "no weak cipher is in the list" if value else "the list of ciphers is Dovecot's own"
    return dovecot.at(passed(said), "ssl_cipher_list")


def _files(dovecot: Dovecot) -> Verdict:
    if dovecot.get("ssl") == "no":
        return skipped("there is no TLS")
    name = dovecot.name("ssl_cert", "ssl_server_cert_file")
    path = dovecot.get(name).lstrip("<")
    if not path:
        return failed("no certificate is named", f"{name} is not set")
    if path.startswith("/") and path not in dovecot.inside.files:
        return dovecot.at(failed(f"{path} does not exist"), name, "cert_file")
    return dovecot.at(passed(f"{path} is there"), name, "cert_file")


def _mechanisms(dovecot: Dovecot) -> Verdict:
    words = [word.lower() for word in dovecot.words("auth_mechanisms")]
    if "anonymous" in words:
        verdict = failed("anybody may log in as anonymous", severity=Severity.HIGH)
        return dovecot.at(verdict, "auth_mechanisms")
    if readable := [word for word in words if word in _READABLE]:
        verdict = failed(f"{', '.join(readable)} needs passwords that can be read on the server")
        return dovecot.at(verdict, "auth_mechanisms")
    return dovecot.at(passed(f"logins are taken by {', '.join(words) or 'plain'}"), "auth_mechanisms")


def _logged(dovecot: Dovecot) -> Verdict:
    if dovecot.get("auth_debug_passwords") == "yes":
        return dovecot.at(failed("passwords are logged"), "auth_debug_passwords")
    value = dovecot.get("auth_verbose_passwords")
    name = "auth_verbose_passwords"
    if value.startswith("plain"):
        return dovecot.at(failed("passwords of failed logins are logged"), name)
    if value.startswith("sha1") and ":" not in value:
        fix = "`auth_verbose_passwords = sha1:6` tells repeated guesses apart just as well."
        verdict = warned("hashes of refused passwords are logged", fix=fix, severity=Severity.MEDIUM)
        return dovecot.at(verdict, name)
    return passed("no password gets into the log")


def _debug(dovecot: Dovecot) -> Verdict:
    on = [name for name in ("mail_debug", "auth_debug") if dovecot.get(name) == "yes"]
    if on:
        return dovecot.at(warned(f"{' and '.join(on)} is on"), on[0])
    return passed("debugging is off")


def _trusted(dovecot: Dovecot) -> Verdict:
    name = "login_trusted_networks"
    if found := wide(dovecot.get(name)):
        return dovecot.at(failed(f"{', '.join(found[:5])} may log in without TLS, from any address"), name)
    return dovecot.at(passed("no wide network is trusted"), name)


def _anybody(dovecot: Dovecot) -> Verdict:
    for block in dovecot.set.all("passdb"):
        kind = block.get("driver") or block.name
        fields = dict(pair for inner in block.all("fields") for pair in inner.settings.items())
        words = {*block.get("args").split(), *fields, *block.settings}
        if kind.split(" ")[0] != "static" or any(word.startswith("proxy") for word in words):
            continue
        if any(word.startswith("nopassword") for word in words):
            return dovecot.at(failed("every name logs in with any password"), _PASSDB)
        if any(word.startswith(("password", "static_password")) for word in words):
            return dovecot.at(failed("every name logs in with one and the same password"), _PASSDB)
    return passed("nobody logs in without a password of their own")


def _masters(dovecot: Dovecot) -> Verdict:
    found = [block for block in dovecot.set.all("passdb") if block.get("master") == "yes"]
    if found:
        return dovecot.at(warned(f"{passdb(found[0])} has users that log in as everybody"), "master")
    return passed("there are no master users")
