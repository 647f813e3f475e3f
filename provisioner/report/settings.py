"""What `settings` says: the servers of an address, how they were found, what else was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.report.connection import explanation, kind_document, step_lines
from provisioner.report.escape import escape
from provisioner.report.layout import beside, counted, folded

if TYPE_CHECKING:
    from provisioner.client_settings.result import Provider, Server, Settings, Source
    from provisioner.connection.result import Walk

_VERBS = {"imap": "read", "pop3": "read", "smtp": "send"}
_FOUND = {
    "autoconfig": "by autoconfig at {}",
    "srv": "by the {}",
    "autodiscover": "by Autodiscover at {}",
    "ispdb": "in Mozilla's database at {}",
    "preset": "as a built-in provider: {}",
    "mx": "by the {}: a guess",
    "guess": "by the {}: a guess",
}
_PASSWORDS = {"app": "app password", "oauth": "OAuth only", "key": "API key"}
_LOGINS = {"address": "the whole address", "local part": "the part before the @"}
"""In a preset, which is for no address in particular."""
_COMPARED = {
    "page": "servers compared with its page",
    "ispdb": "servers compared with Mozilla's ISPDB",
    "": "not compared with its page",
}
_AT = 4


def lines(
    settings: Settings, ordered: Sequence[Server], width: int, walks: Sequence[Walk] = (), *, verbose: bool
) -> list[Text]:
    """What a person reads; `ordered` are the chosen servers, the best first, `walks` the tries of them."""
    head = Text(escape(settings.address), style="bold")
    if settings.chosen is None:
        told = [*beside(head, "no servers found", width)]
        return [*told, Text("  Asked:"), *_tried(settings.tried, width), *_warned(settings, width)]
    chosen = settings.chosen
    found = "found " + _FOUND[chosen.kind.value].format(escape(chosen.where))
    told = beside(head, found, width)
    told += _checked(_table(ordered, width), walks, width, verbose=verbose)
    if chosen.note:
        told += [Text(" " * _AT + line) for line in folded(escape(chosen.note).split(), width, _AT, " ")]
    if chosen.warning:
        told += _minded(chosen.warning + _advice(chosen, walks), width)
    told += _warned(settings, width)
    told += _conclusion(walks, len(ordered), width)
    others = [source for source in settings.tried if source is not chosen]
    if verbose and others:
        told += [Text("  Also asked:"), *_tried(others, width)]
    return told


def _advice(chosen: Source, walks: Sequence[Walk]) -> str:
    return ": --check tries them" if chosen.kind.value in ("guess", "mx") and not walks else ""


def _minded(text: str, width: int) -> list[Text]:
    shown = folded(f"Mind: {escape(text)}.".split(), width, _AT, " ")
    return [Text(" " * _AT + line, style="yellow") for line in shown]


def _table(servers: Sequence[Server], width: int) -> list[list[Text]]:
    """The lines of each server: one, or a second for the login where they don't fit.

    A login that is the same for all and does not fit stands once, behind the last.
    """
    rows = [
        (
            _VERBS[server.protocol.value],
            server.protocol.value.upper(),
            escape(server.host),
            str(server.port),
            server.encryption.value if server.encryption.value != "none" else "no encryption",
            _login(server),
        )
        for server in servers
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    fits = all(_AT + sum(widths) + 10 + len(row[5]) <= width for row in rows)
    once = not fits and len(rows) > 1 and len({row[5] for row in rows}) == 1
    told: list[list[Text]] = []
    before = ""
    for row in rows:
        verb = row[0] if row[0] != before else ""
        before = row[0]
        cells = [text.ljust(size) for text, size in zip((verb, *row[1:5]), widths, strict=True)]
        style = "red" if row[4] == "no encryption" else ""
        line = (" " * _AT + "  ".join(cells)).rstrip()
        whole = f"{' ' * _AT}{'  '.join([*cells, row[5]])}".rstrip()
        below = [] if once else [" " * 10 + row[5]]
        lines = [whole] if len(whole) <= width and not once else [line, *below]
        told.append([Text(text, style=style) for text in lines])
    if once and rows[0][5]:
        told[-1].append(Text(f"{' ' * _AT}all   {rows[0][5]}"))
    return told


def _checked(rows: list[list[Text]], walks: Sequence[Walk], width: int, *, verbose: bool) -> list[Text]:
    """The rows with a sign in front, and below each what its try came to."""
    told: list[Text] = []
    for row, walk in zip(rows, walks, strict=False):
        minded = [step.kind for step in walk.steps if step.kind is not None]
        sign, style = ("✗", "red") if walk.failure else ("!", "yellow") if minded else ("✓", "green")
        told += [Text.assemble("  ", (sign, style), " ", row[0][_AT:]), *row[1:]]
        below = [line for step in walk.steps for line in step_lines(step, width - 6)] if verbose else []
        below += [line for kind in minded for line in explanation(kind, width - 6)]
        told += [Text.assemble(" " * 6, line) for line in below]
    return [*told, *(line for row in rows[len(walks) :] for line in row)]


def _conclusion(walks: Sequence[Walk], servers: int, width: int) -> list[Text]:
    if not walks:
        return []
    failed = sum(walk.failure is not None for walk in walks)
    tried = counted(len(walks), "server")
    told = f"{failed} of {tried} did not work." if failed else f"{tried} tried, without a fault."
    left = servers - len(walks)
    rest = f" {left} more {'was' if left == 1 else 'were'} not tried." if left else ""
    words = f"{told}{rest} No login was tried: provision test-connection does that.".split()
    return [Text("  " + line) for line in folded(words, width, 2, " ")]


def _login(server: Server) -> str:
    login = f"login {_LOGINS.get(server.login, escape(server.login))}" if server.login else ""
    password = _PASSWORDS.get(server.password, "")
    return ", ".join(part for part in (login, password) if part)


def _tried(sources: Sequence[Source], width: int) -> list[Text]:
    told: list[Text] = []
    for source in sources:
        said = (
            escape(source.problem)
            if source.problem
            else ", ".join(f"{escape(s.host)}:{s.port} {s.encryption.value}" for s in source.servers)
        )
        told += beside(Text(f"    {source.kind.value:<14}{escape(source.where)}"), said, width)
    return told


def _warned(settings: Settings, width: int) -> list[Text]:
    return [line for warning in settings.warnings for line in _minded(warning, width)]


def document(settings: Settings, ordered: Sequence[Server], walks: Sequence[Walk] = ()) -> dict[str, object]:
    """The same for a program; `checks` are in the order of the servers found, [] without --check."""
    chosen = settings.chosen
    return {
        "address": settings.address,
        "found": None if chosen is None else _source(chosen, ordered),
        "checks": [_check(walk) for walk in walks],
        "tried": [_source(source, source.servers) for source in settings.tried],
        "warnings": list(settings.warnings),
    }


def _check(walk: Walk) -> dict[str, object]:
    failure = walk.failure
    minded = [step.kind for step in walk.steps if step.kind is not None and step is not failure]
    return {
        "target": walk.target,
        "ok": failure is None,
        "failure": None if failure is None else {"step": failure.stage.value, **kind_document(failure.kind)},
        "warnings": [kind_document(kind) for kind in minded],
    }


def _source(source: Source, servers: Sequence[Server]) -> Mapping[str, object]:
    return {
        "kind": source.kind.value,
        "where": source.where,
        "servers": [_server(server) for server in servers],
        "problem": source.problem or None,
        "warning": source.warning or None,
        "note": source.note or None,
    }


def _server(server: Server) -> dict[str, object]:
    return {
        "protocol": server.protocol.value,
        "host": server.host,
        "port": server.port,
        "encryption": server.encryption.value,
        "login": server.login or None,
        "password": server.password or None,
    }


def preset_lines(providers: Sequence[Provider], old: frozenset[str], today: date, width: int) -> list[Text]:
    """Every built-in provider with its servers, and which entries are old."""
    told: list[Text] = []
    for provider in providers:
        age = f"checked {provider.checked}" + (", older than a year" if provider.name in old else "")
        age += f", {_COMPARED[provider.compared]}"
        told += beside(
            Text(f"{provider.title} ({provider.name})", style="bold"),
            Text(age, style="yellow" if provider.name in old else "dim"),
            width,
        )
        rows = _table(provider.servers, width) if provider.servers else []
        told += [line for row in rows for line in row]
        made = provider.app_password and f"Made at: {provider.app_password}"
        publish = provider.dns and f"Publish: {'; '.join(provider.dns)}."
        for text in (provider.note, made, publish):
            told += [Text("    " + line) for line in folded(text.split(), width, _AT, " ")] if text else []
        told += [Text(f"    Source: {provider.source}", style="dim"), Text("")]
    count = f"{len(providers)} providers"
    told.append(Text(f"{count}, {len(old)} checked more than a year before {today}." if old else f"{count}."))
    return told


def preset_document(providers: Sequence[Provider], old: frozenset[str]) -> dict[str, object]:
    """The same for a program."""
    return {
        "format": 1,
        "command": "settings",
        "presets": {
            provider.name: {
                "title": provider.title,
                "kind": provider.kind,
                "domains": list(provider.domains),
                "servers": [_server(server) for server in provider.servers],
                "note": provider.note or None,
                "app_password": provider.app_password or None,
                "limits": provider.limits or None,
                "dns": list(provider.dns),
                "source": provider.source,
                "checked": provider.checked,
                "compared": provider.compared or None,
                "old": provider.name in old,
            }
            for provider in providers
        },
    }
