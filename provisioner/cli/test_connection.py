"""`provision test-connection`: walk a mail connection step by step, and explain the first step that fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import Json, ReachNetworks, Resolver, Verbose
from provisioner.cli.settings import AuthoritiesFile
from provisioner.connection.target import Encryption, Protocol
from provisioner.errors import AnswerIsNo

if TYPE_CHECKING:
    from provisioner.connection.result import Walk
    from provisioner.connection.target import Target
    from provisioner.connection.walker import Walker, Wish
    from provisioner.report.terminal import Terminal

_LOOK_SECONDS = 60.0


def test_connection_command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="HOST[:PORT]",
            help="A server with its port, or a mail domain: then port 25 of its MX.",
            show_default=False,
        ),
    ],
    protocol: Annotated[
        Protocol | None, typer.Option("--protocol", help="What is spoken; by default what the port tells.")
    ] = None,
    encryption: Annotated[
        Encryption | None,
        typer.Option("--encryption", help="When TLS begins; by default what is usual at the port."),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="LOGIN", help="Log in as this; mostly the whole address.", show_default=False
        ),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Read the password from the first line of FILE, - for standard input; else it is asked for.",
            show_default=False,
            allow_dash=True,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Log in with an OAuth access token, the first line of FILE, - for standard input.",
            show_default=False,
            allow_dash=True,
        ),
    ] = None,
    mechanism: Annotated[
        str,
        typer.Option(
            "--mechanism", metavar="NAME", help="Log in by this mechanism, such as PLAIN or XOAUTH2."
        ),
    ] = "",
    mail_from: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="ADDRESS", help="Sender to try; by default the login.", show_default=False
        ),
    ] = None,
    rcpt_to: Annotated[
        str, typer.Option("--to", metavar="ADDRESS", help="Recipient to try; nothing is sent without --send.")
    ] = "",
    send: Annotated[bool, typer.Option("--send", help="Send a short message to the recipient.")] = False,
    look_in: Annotated[
        str | None,
        typer.Option(
            "--look-in",
            metavar="HOST[:PORT]",
            help="Look for the message that was sent, over IMAP at this server with the same login.",
            show_default=False,
        ),
    ] = None,
    helo: Annotated[
        str, typer.Option("--helo", metavar="NAME", help="The name to introduce this side with.")
    ] = "",
    resolver: Resolver = None,
    reach: ReachNetworks = None,
    authorities: AuthoritiesFile = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for each answer.")
    ] = 10.0,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Walk a mail connection step by step, and say what to do about the first step that fails.

    Name, connection, greeting, encryption, certificate, and where asked for login, sender, recipient
    and a message that is looked for afterwards. A password or token is never sent before the certificate
    is found good.
    """
    from provisioner.cli.connection_wish import check_combination
    from provisioner.cli.connection_wish import wish as wished
    from provisioner.connection.target import parse
    from provisioner.report.terminal import standard

    places = [parse(target, protocol, encryption)]
    check_combination(places[0], user=user, mechanism=mechanism, rcpt_to=rcpt_to, mail_from=mail_from,
                      send=send, look_in=look_in)  # fmt: skip
    if look_in:
        places.append(parse(look_in, Protocol.IMAP, None))
    wish = wished(target, user=user, password_file=password_file, token_file=token_file,
                  mechanism=mechanism, mail_from=mail_from, rcpt_to=rcpt_to, helo=helo, seconds=timeout,
                  authorities=authorities)  # fmt: skip
    walks = _run(places, wish, resolver, reach, send=send, screen=None if as_json else standard())
    _show(walks, as_json=as_json, verbose=bool(verbose))
    if any(one.failure for one in walks):
        raise typer.Exit(AnswerIsNo.exit_code)


def _run(
    places: list[Target],
    wish: Wish,
    resolver: str | None,
    reach: list[str] | None,
    *,
    send: bool,
    screen: Terminal | None,
) -> list[Walk]:
    from provisioner.connection.message import hand_in, look_for
    from provisioner.connection.speakers import SmtpSpeaker
    from provisioner.connection.walk import walk
    from provisioner.connection.walker import Walker
    from provisioner.dns.reach import Reach
    from provisioner.dns.resolver import Resolver as Dns
    from provisioner.report import connection as report

    def begin(place: Target) -> Walker:
        def note(step: object) -> None:
            if screen is not None:
                screen.result(*report.step_lines(step, screen.width))  # type: ignore[arg-type]

        if screen is not None:
            screen.result(report.heading(str(place), wish.user))
        return Walker(place, wish, dns, allowed, note)

    dns, allowed = Dns(resolver, seconds=wish.seconds), Reach(reach or ())
    first = begin(places[0])
    walk(first)
    message_id = ""
    if send and isinstance(first.speaker, SmtpSpeaker):
        message_id = hand_in(first, wish.mail_from or "", wish.rcpt_to)
    first.end()
    walks = [first.walk()]
    if message_id and len(places) > 1:
        second = begin(places[1])
        if walk(second).failure is None:
            look_for(second, message_id, _LOOK_SECONDS)
        second.end()
        walks.append(second.walk())
    return walks


def _show(walks: list[Walk], *, as_json: bool, verbose: bool) -> None:
    from provisioner.report import connection as report
    from provisioner.report.escape import escape
    from provisioner.report.terminal import standard

    screen = standard()
    if as_json:
        screen.document(report.document(walks))
        return
    for one in walks:
        if one.failure is not None or one is walks[-1]:
            screen.result(*report.conclusion(one, screen.width))
    if verbose:
        screen.progress("", *(escape(line) for one in walks for line in one.transcript))
