"""What `test-connection` is asked for, checked before anything is contacted; the secret is read here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.connection.target import Target
    from provisioner.connection.walker import Wish

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 §2.1, b64token."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_combination(
    target: Target, *, user: str | None, mechanism: str, rcpt_to: str, mail_from: str | None, send: bool,
    look_in: str | None,
) -> None:  # fmt: skip
    """Refuse options that would be left without effect. Raises `InputError`."""
    from provisioner.connection.target import Protocol

    if send and not rcpt_to:
        raise InputError("--send needs a recipient", hint="Add --to ADDRESS.")
    if look_in and not (send and user):
        raise InputError(
            "--look-in looks for a message that was sent, with the login that sent it",
            hint="Add --send, --to ADDRESS and --user LOGIN.",
        )
    if mechanism and user is None:
        raise InputError("--mechanism without a login", hint="Add --user LOGIN.")
    if (rcpt_to or mail_from is not None) and target.protocol is not Protocol.SMTP:
        spoken = target.protocol.value.upper()
        raise InputError(
            f"{target} speaks {spoken}, and mail is sent by SMTP",
            hint="Name the server for sending, mostly port 587 or 465; --look-in names the one for reading.",
        )


def wish(
    target: str, *, user: str | None, password_file: Path | None, token_file: Path | None, mechanism: str,
    mail_from: str | None, rcpt_to: str, helo: str, seconds: float, authorities: Path | None,
) -> Wish:  # fmt: skip
    """The wish of a walk. Asks for the password or the token where no file has it. Raises `InputError`."""
    from provisioner.connection.sasl import TOKEN_MECHANISMS
    from provisioner.connection.walker import Wish

    by_token = token_file is not None or mechanism.upper() in TOKEN_MECHANISMS
    _check_secret(mechanism.upper(), password_file, token_file)
    return Wish(
        rcpt_to=_address("--to", rcpt_to),
        mail_from=_sender(mail_from, user, rcpt_to),
        mechanism=_mechanism(mechanism),
        token=_token(user, token_file, target) if by_token else "",
        helo_name=_helo(helo) or own_name(),
        seconds=seconds,
        authorities=read_authorities(authorities),
        user=_user(user),
        password="" if by_token else _password(user, password_file, target),
    )


def _user(user: str | None) -> str:
    if user is None:
        return ""
    if not user or _CONTROL.search(user):
        fault = "has control characters" if user else "is empty"
        raise InputError(f"--user {fault}", hint="Mostly it is the whole address: --user alice@example.org.")
    return user


def _password(user: str | None, file: Path | None, target: str) -> str:
    """The password, from a prompt, standard input or a file; never from the command line."""
    if user is None:
        if file is not None:
            raise InputError("a password without a login", hint="Add --user LOGIN.")
        return ""
    if file is None:
        password = _asked(user, target, "password", "--password-file")
    else:
        password = _from_file(file, "password", "--password-file")
    if any(character in password for character in "\0\r\n"):
        raise InputError("the password has a line break or a NUL in it, which can't be sent")
    return password


def _token(user: str | None, file: Path | None, target: str) -> str:
    """An access token; as a password, it is never on the command line."""
    if user is None:
        raise InputError("a token without a login", hint="Add --user LOGIN, mostly the whole address.")
    if file is None:
        token = _asked(user, target, "access token", "--token-file")
    else:
        token = _from_file(file, "token", "--token-file")
    token = token.strip().removeprefix("Bearer ").strip()
    if not _TOKEN.fullmatch(token):
        raise InputError(
            "the token has characters that no access token has",
            hint="It is the value of access_token alone, without quotes (RFC 6750 §2.1).",
        )
    return token


def _check_secret(mechanism: str, password_file: Path | None, token_file: Path | None) -> None:
    """Refuse a password for a mechanism that takes a token, and the other way round."""
    from provisioner.connection.sasl import TOKEN_MECHANISMS

    if password_file is not None and token_file is not None:
        raise InputError("--password-file and --token-file are two ways to log in", hint="Give one of them.")
    if password_file is not None and mechanism in TOKEN_MECHANISMS:
        raise InputError(
            f"{mechanism} takes an access token, not a password",
            hint="--token-file FILE reads it from a file, --token-file - from standard input.",
        )
    if token_file is not None and mechanism and mechanism not in TOKEN_MECHANISMS:
        raise InputError(
            f"{mechanism} takes a password, not a token",
            hint=f"A token goes by {' or '.join(TOKEN_MECHANISMS)}; leave --mechanism out.",
        )


def _asked(user: str, target: str, secret: str, option: str) -> str:
    from provisioner.cli.asking import Asking
    from provisioner.report.terminal import standard

    screen = standard()
    if not screen.interactive:
        raise InputError(
            f"the {secret} of {user} is needed and nobody can be asked",
            hint=f"{option} FILE reads it from a file, {option} - from standard input.",
        )
    typed = Asking(screen).password(f"{secret.capitalize()} of {user} at {target}: ")
    if not typed:
        raise InputError(f"no {secret} was given", hint="Without --user no login is tried.")
    return typed


def _from_file(file: Path, secret: str, option: str) -> str:
    """The first line of the file, or of standard input for `-`."""
    import sys

    source = "standard input" if str(file) == "-" else f"{option} {file}"
    try:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{source} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{source} is no UTF-8 text") from None
    line = text.split("\n", 1)[0].removesuffix("\r")
    if not line:
        raise InputError(f"{source} has no {secret} in its first line")
    return line


def _mechanism(name: str) -> str:
    from provisioner.connection.sasl import MECHANISMS, TOKEN_MECHANISMS

    wanted = name.upper()
    known = (*MECHANISMS, *TOKEN_MECHANISMS, "COMMAND", "USER")
    if wanted and wanted not in known:
        raise InputError(
            f"--mechanism {name[:40]!r} is none that is spoken here",
            hint=f"One of {', '.join((*MECHANISMS, *TOKEN_MECHANISMS))}; COMMAND is IMAP's LOGIN command, "
            "USER that of POP3.",
        )
    return wanted


def _sender(mail_from: str | None, user: str | None, rcpt_to: str) -> str | None:
    """The envelope sender to try; None where no sender was asked for."""
    if mail_from is not None:
        return "" if mail_from in ("", "<>") else _address("--from", mail_from)
    if not rcpt_to:
        return None
    return user if user and "@" in user else ""


def _address(option: str, text: str) -> str:
    """An address that may be sent; `""` stays so."""
    if text and (not text.isprintable() or any(c in text for c in "<> ") or "@" not in text):
        raise InputError(f"{option} {text[:100]!r} is not a mail address", hint="Such as alice@example.org.")
    return text


def _helo(name: str) -> str:
    if name and (not name.isascii() or not name.isprintable() or " " in name):
        raise InputError(f"--helo {name[:100]!r} is not a host name", hint="Such as mx1.example.org.")
    return name


def read_authorities(file: Path | None) -> str | None:
    """The PEM text of the authorities to trust; None for the system's. Raises `InputError`."""
    from provisioner.mail.tls_stream import tls_context

    if file is None:
        return None
    try:
        text = file.read_text(encoding="ascii")
        tls_context(authorities=text)
    except UnicodeDecodeError:
        raise InputError(f"--authorities {file} has no certificates in PEM form") from None
    except OSError as error:
        # OpenSSL's errors are such too; they have no reason of the system.
        reason = error.strerror if error.errno and error.filename else "it has no certificates in PEM form"
        raise InputError(f"--authorities {file} can't be used: {reason}") from None
    except ValueError:
        raise InputError(f"--authorities {file} has no certificates in PEM form") from None
    return text


def own_name() -> str:
    """A name for EHLO: this machine's, where it is a whole one; else an address literal's stand-in."""
    import socket

    name = socket.gethostname()
    return name if "." in name.strip(".") else f"{name or 'localhost'}.localdomain"
