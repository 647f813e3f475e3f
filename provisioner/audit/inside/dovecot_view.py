"""Dovecot as it is set on a host, in the dialect of 2.3 or 2.4: values, blocks, the lines they are on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from provisioner.adopt.dovecot_text import Block, parse, truth
from provisioner.audit.finding import Check, Finding, Outcome
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, untested

FILTERS = frozenset({"protocol", "local", "local_name", "remote"})
"""Blocks whose settings hold for some connections only (doc.dovecot.org, Configuration: filters)."""
_WITHOUT_LOGIN = frozenset({"lda", "lmtp", "doveadm", "indexer-worker"})
_OPENING = re.compile(r"\s*(\w+)\s*([^={}]*?)\s*\{")
_WORST_FIRST = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR, Outcome.PASS, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file that sets something or opens a block."""

    place: str
    """`/etc/dovecot/dovecot.conf:12`."""
    text: str
    scope: tuple[str, ...] = ()
    """The filters that it stands in, outermost first: `protocol imap`."""


@dataclass(frozen=True)
class Dovecot:
    """One host's Dovecot."""

    set: Block
    """What differs from the defaults."""
    every: Block
    """Every setting."""
    version: str = ""
    lines: tuple[Line, ...] = ()
    inside: Inside = field(default_factory=Inside, repr=False)
    scope: tuple[str, ...] = ()
    """The filters in which this holds; none: for every connection that no filter is about."""

    @property
    def is_new(self) -> bool:
        """Whether it speaks the dialect of 2.4."""
        return not self.version.startswith(("2.0", "2.1", "2.2", "2.3"))

    def get(self, *names: str) -> str:
        """The value of a setting, whichever of its names this version knows; a default counts."""
        for block in (self.set, self.every):
            for name in names:
                if name in block.settings:
                    return block.settings[name]
        return ""

    def words(self, name: str) -> list[str]:
        """The words of a list; the default where it isn't set."""
        return truth(self.set, name) or truth(self.every, name)

    def name(self, old: str, new: str) -> str:
        """A setting's name in this version."""
        return new if self.is_new else old

    def at(self, verdict: Verdict, *patterns: str) -> Verdict:
        """A verdict with the last line that sets one of these names (regular expressions) as its place."""
        verdict = replace(verdict, settings=tuple(name for name in patterns if name.isidentifier()))
        for pattern in patterns:
            wanted = re.compile(rf"\s*(?:{pattern})\s*(?:=|\{{|\s\S*\s*\{{)")
            for line in reversed(self.lines):
                if line.scope == self.scope and wanted.match(line.text):
                    return replace(verdict, place=line.place, evidence=(line.text.strip(), *verdict.evidence))
        return verdict

    def exceptions(self, *names: str) -> Iterator[Dovecot]:
        """Dovecot as it is for the logins of each filter that sets one of these names."""
        for block in self.set.blocks:
            if block.kind in FILTERS and not _lets_nobody_in(block):
                held = replace(block, settings={**self.set.settings, **block.settings})
                inner = replace(self, set=held, scope=(*self.scope, block.title))
                if not block.settings.keys().isdisjoint(names):
                    yield inner
                yield from inner.exceptions(*names)

    def listeners(self, service: str) -> list[Block]:
        """The ports of a service, as set."""
        return [
            listener for block in self.set.all("service") if block.name == service
            for listener in block.all("inet_listener") if listener.get("port", "0") != "0"
        ]  # fmt: skip

    def is_local(self, listener: Block) -> bool:
        """Whether a port is open on loopback alone."""
        words = (listener.get("address") or listener.get("listen") or self.get("listen") or "*").split()
        return all(word.strip(",[]").startswith(("127.", "::1", "localhost", "/")) for word in words)


def read(inside: Inside) -> Dovecot | None:
    """Dovecot as the host told it; None where doveconf can't read it."""
    text = inside.output("dovecot-all")
    if not text.strip():
        return None
    version = inside.output("dovecot-version").split(" ")[0].strip()
    lines = tuple(_lines(inside.output("dovecot-lines")))
    return Dovecot(parse(inside.output("dovecot-set")), parse(text), version, lines, inside)


def _lines(text: str) -> Iterator[Line]:
    """Lines of files, as grep prints them: `/etc/dovecot/dovecot.conf:12:ssl = no`."""
    file, open_blocks = "", list[str]()
    for found in text.splitlines():
        path, number, rest = [*found.split(":", 2), "", ""][:3]
        if path != file:
            file, open_blocks = path, []
        if rest.lstrip().startswith("}"):
            del open_blocks[-1:]
            continue
        yield Line(f"{path}:{number}", rest, tuple(block for block in open_blocks if block))
        if block := _OPENING.match(rest):
            is_filter = block[1] in FILTERS
            open_blocks.append(f"{block[1]} {block[2].strip(chr(34))}".strip() if is_filter else "")


def _lets_nobody_in(block: Block) -> bool:
    """Whether a filter is about no login, or about this host and a few private addresses alone."""
    if block.kind == "protocol":
        return block.name in _WITHOUT_LOGIN
    if block.kind == "local_name":
        return False
    try:
        network = ipaddress.ip_network(block.name, strict=False)
    except ValueError:
        return False
    return network.is_loopback or (block.kind == "remote" and not wide(block.name))


def everywhere(judgement: Callable[[Dovecot], Verdict], *names: str) -> Callable[[Dovecot], Verdict]:
    """The judgement of the whole and of each filter that sets one of `names`: the worst of them."""

    def judge(dovecot: Dovecot) -> Verdict:
        found = [judgement(dovecot)]
        for one in dovecot.exceptions(*names):
            where = ", ".join(f"`{title}`" for title in one.scope)
            verdict = judgement(one)
            found.append(replace(verdict, summary=f"{verdict.summary} in {where}"))
        worst = min(found, key=lambda verdict: _WORST_FIRST.index(verdict.outcome))
        others = [one.summary for one in found
                  if one is not worst and one.outcome in (Outcome.FAIL, Outcome.WARN)]  # fmt: skip
        return replace(worst, evidence=(*worst.evidence, *others))

    return judge


def judged(
    inside: Inside, subject: str, judgements: Mapping[Check, Callable[[Dovecot], Verdict]]
) -> Iterator[Finding]:
    """A finding for each check, in order; none where there is no Dovecot."""
    if "dovecot-all" not in inside.outputs:
        return
    dovecot = read(inside)
    for check, judgement in judgements.items():
        verdict = judgement(dovecot) if dovecot else untested("`doveconf` could not read its configuration")
        yield verdict.of(check, subject)


def wide(networks: str) -> list[str]:
    """Networks of a list that hold more than loopback and 256 addresses of a private network."""
    found = []
    for word in networks.replace(",", " ").split():
        try:
            network = ipaddress.ip_network(word.strip("[]"), strict=False)
        except ValueError:
            continue
        small = network.num_addresses <= (256 if network.version == 4 else 1 << 64)
        if not network.is_loopback and not (small and network.is_private):
            found.append(word)
    return found


def passdb(block: Block) -> str:
    """A password database as people would name it: `passdb sql /etc/dovecot/dovecot-sql.conf.ext`."""
    words = [word for word in block.get("args").split() if word.startswith("/")]
    path = block.get("passwd_file_path") or "".join(words[-1:])
    return " ".join(dict.fromkeys(("passdb", *block.name.split(), block.get("driver"), path))).strip()
