"""Dovecot as it is set on a host, in the dialect of 2.3 or 2.4: values, blocks, the lines they are on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from provisioner.adopt.dovecot_text import Block, parse, truth
from provisioner.audit.finding import Check, Finding
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, untested


@dataclass(frozen=True)
class Dovecot:
    """One host's Dovecot."""

    set: Block
    """What differs from the defaults."""
    every: Block
    """Every setting."""
    version: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    """`/etc/dovecot/dovecot.conf:12` and the text of each line that sets something."""
    inside: Inside = field(default_factory=Inside, repr=False)

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
        for pattern in patterns:
            wanted = re.compile(rf"\s*(?:{pattern})\s*(?:=|\{{|\s\S*\s*\{{)")
            for place, text in reversed(self.lines):
                if wanted.match(text):
                    return replace(verdict, place=place, evidence=(text.strip(), *verdict.evidence))
        return verdict

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
    lines = []
    for line in inside.output("dovecot-lines").splitlines():
        path, number, rest = [*line.split(":", 2), "", ""][:3]
        lines.append((f"{path}:{number}", rest))
    version = inside.output("dovecot-version").split(" ")[0].strip()
    return Dovecot(parse(inside.output("dovecot-set")), parse(text), version, tuple(lines), inside)


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
