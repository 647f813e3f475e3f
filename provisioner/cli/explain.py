"""`provision explain`: what a reply, a log line, a bounce or a message's headers mean, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.options import Json, Resolver, Verbose
from provisioner.errors import AnswerIsNo, InputError


def explain_command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|TEXT]",
            help="A file, or the words themselves; - or nothing reads standard input.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            "--ip", metavar="ADDRESS", help="The server a message came from; else its headers tell."
        ),
    ] = "",
    helo: Annotated[
        str, typer.Option("--helo", metavar="NAME", help="The name that server introduced itself with.")
    ] = "",
    resolver: Resolver = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for a DNS answer."),
    ] = 5.0,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say in plain words what happened, whose side it is on, and what to do.

    Takes an SMTP, IMAP or POP3 reply, lines of a mail log, a bounce, or a whole message. Only for a
    message DNS is asked: SPF, DKIM, DMARC and ARC are evaluated again and set against what the
    receiver wrote. Exit code 3 where nothing in it is known.
    """
    from provisioner.dns.resolver import Resolver as Dns
    from provisioner.explain.read import read
    from provisioner.report import explain as report
    from provisioner.report.terminal import standard

    data = _input(" ".join(words) if words else "-")
    if not data.strip():
        raise InputError(
            "there is nothing to explain", hint="Such as: provision explain '550 5.1.1 no such user'"
        )
    asked: list[Dns] = []

    def lookup(name: str, rdtype: str) -> object:
        if not asked:
            asked.append(Dns(resolver, seconds=timeout))
        return asked[0].ask(name, rdtype)

    reading = read(data, lookup, address=_checked(address), helo=helo)  # type: ignore[arg-type]
    screen = standard()
    if as_json:
        screen.document(report.document(reading))
    else:
        screen.result(*report.lines(reading, screen.width, verbose=bool(verbose)))
    if not reading.known:
        raise typer.Exit(AnswerIsNo.exit_code)


def _input(text: str) -> bytes:
    import errno
    import sys

    from provisioner.explain.read import LONGEST

    if text == "-":
        if sys.stdin.isatty():
            raise InputError(
                "there is nothing to explain", hint="Give the words, a file, or pipe a message in."
            )
        return sys.stdin.buffer.read(LONGEST)
    path = Path(text)
    try:
        if len(text) < 1000 and "\n" not in text and path.is_dir():
            raise InputError(f"{text[:200]} is a folder", hint="Name one file in it, a message or a log.")
        if len(text) < 1000 and "\n" not in text and path.is_file():
            with path.open("rb") as file:
                return file.read(LONGEST)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return text.encode()  # Lines of logs are longer than any file's name.
        raise InputError(f"{text[:200]} can't be read: {error}") from None
    except ValueError as error:
        raise InputError(f"{text[:200]} can't be read: {error}") from None
    if "/" in text and " " not in text:
        raise InputError(f"there is no file {text[:200]}")
    return text.encode()


def _checked(address: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        raise InputError(f"--ip {address[:80]!r} is not an address") from None
