"""`provision blocklist`: whether addresses or domains are on a DNS block list, and what to do about it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.options import Json, Resolver, Verbose
from provisioner.errors import AnswerIsNo, InputError, NotTouched


def blocklist_command(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="Addresses, mail domains, or names of mail servers.",
            show_default=False,
        ),
    ] = None,
    list_: Annotated[
        list[str] | None,
        typer.Option(
            "--list",
            metavar="NAME",
            help="Ask this list only; may be given several times.",
            show_default=False,
        ),
    ] = None,
    lists: Annotated[bool, typer.Option("--lists", help="Show what lists there are, and ask none.")] = False,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="File with keys for lists that take one, such as `spamhaus: KEY`; also"
            " PROVISION_SPAMHAUS_KEY, PROVISION_ABUSIX_KEY.",
            show_default=False,
        ),
    ] = None,
    resolver: Resolver = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for each answer.")
    ] = 3.0,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say whether an address or domain is on a DNS block list, what that means, how to get off.

    A domain's mail servers (MX) are looked up, and their addresses and names asked about as well. A list
    that can't be asked is said to be unknown, never clean. Exit code 3 where something is listed, 5 where
    no list could be asked about a target.
    """
    from provisioner.blocklists.ask import check_targets, warnings
    from provisioner.blocklists.keys import read_keys
    from provisioner.blocklists.lists import advice, chosen, known_lists
    from provisioner.blocklists.targets import checked_name
    from provisioner.dns.resolver import Resolver as Asked
    from provisioner.report.blocklist import document, report_lines, totals
    from provisioner.report.terminal import standard

    screen = standard()
    if lists:
        _show_lists(as_json)
        return
    if not targets:
        raise InputError("no target", hint="provision blocklist 192.0.2.25 example.org")
    names = list(dict.fromkeys(checked_name(target) for target in targets))
    wanted = chosen(list_ or [])
    found_keys = read_keys({one.key for one in known_lists() if one.key}, os.environ, keys)
    asked = Asked(resolver, seconds=timeout, budget=200 * (len(wanted) + 20) * len(names))
    began = time.monotonic()
    warned = warnings(asked)
    for warning in warned:
        screen.progress(f"note: {warning}")
    results = check_targets(names, wanted, found_keys, asked)
    who = resolver or "the system's resolver"
    elapsed = time.monotonic() - began
    if as_json:
        screen.document(document(results, who, warned, elapsed))
    else:
        screen.result(*report_lines(results, advice(), screen.width, every=verbose > 0))
        screen.result(totals(results, who, elapsed))
    raise typer.Exit(max(_exit_code(target.listed, target.known) for target in results))


def _exit_code(listed: bool, known: bool) -> int:
    if listed:
        return AnswerIsNo.exit_code
    return 0 if known else NotTouched.exit_code


def _show_lists(as_json: bool) -> None:
    from datetime import UTC, datetime

    from provisioner.blocklists.lists import ended_lists, known_lists
    from provisioner.report.blocklist import list_lines, lists_document
    from provisioner.report.terminal import standard

    screen = standard()
    if as_json:
        screen.document(lists_document(known_lists(), ended_lists()))
    else:
        today = datetime.now(UTC).date()
        screen.result(*list_lines(known_lists(), ended_lists(), today, screen.width))
