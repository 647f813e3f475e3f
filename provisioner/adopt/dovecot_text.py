"""What `doveconf -n` prints, of Dovecot 2.3 or 2.4, as nested blocks and as a flat list of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

NAMED = frozenset(
    {
        "dict_server", "event_exporter", "fifo_listener", "fs", "import", "inet_listener", "language",
        "local", "local_name", "mailbox", "metric", "mysql", "namespace", "oauth2", "passdb", "pgsql",
        "protocol", "quota", "remote", "service", "sieve_script", "sqlite", "unix_listener", "userdb",
    }
)  # fmt: skip
"""Kinds of blocks that are things of their own; any other block only shares the beginning of its names."""
_SETTING = re.compile(r"([^\s={}]+)\s*=\s*(.*)")
_BLOCK = re.compile(r"([^\s={}]+)\s*(.*?)\s*\{")


@dataclass
class Block:
    """A block: its kind, its name, its settings in order, and the blocks in it."""

    kind: str = ""
    name: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def all(self, kind: str) -> list[Block]:
        """The blocks of one kind directly inside."""
        return [block for block in self.blocks if block.kind == kind]

    def find(self, kind: str, name: str) -> Block | None:
        """The last block of that kind and name."""
        found = [block for block in self.all(kind) if block.name == name]
        return found[-1] if found else None

    def get(self, name: str, default: str = "") -> str:
        """A setting's value."""
        return self.settings.get(name, default)

    @property
    def title(self) -> str:
        """`service lmtp`."""
        return f"{self.kind} {self.name}".strip()


def parse(text: str) -> Block:
    """The configuration as a tree. Lines that are neither setting nor block are left out."""
    root = Block()
    stack = [root]
    for raw in _continued(text):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line == "}":
            if len(stack) > 1:
                stack.pop()
        elif match := _BLOCK.fullmatch(line):
            block = Block(match[1], _unquoted(match[2]))
            stack[-1].blocks.append(block)
            stack.append(block)
        elif match := _SETTING.fullmatch(line):
            stack[-1].settings[match[1]] = _unquoted(match[2])
    _merge_prefixed(root)
    return root


def _continued(text: str) -> Iterator[str]:
    """Lines; one that ends with a backslash goes on in the next."""
    held = ""
    for line in text.split("\n"):
        if line.endswith("\\"):
            held += line[:-1].rstrip() + " "
        else:
            yield held + (line.lstrip() if held else line)
            held = ""
    if held:
        yield held


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", value[1:-1]).strip()
    return value


def _merge_prefixed(block: Block) -> None:
    """`ssl_server { cert_file = … }` is how 2.4 prints `ssl_server_cert_file`; `plugin` stays a block."""
    kept = []
    for inner in block.blocks:
        _merge_prefixed(inner)
        plain = not inner.name and inner.kind not in NAMED and inner.kind not in ("plugin", "fields")
        if plain and not set(inner.settings.values()) <= {"yes", "no"}:
            block.settings |= {f"{inner.kind}_{name}": value for name, value in inner.settings.items()}
            block.blocks += []
            kept += inner.blocks
        else:
            kept.append(inner)
    block.blocks = kept


def flat(block: Block, way: str = "") -> Mapping[str, str]:
    """Every setting by its way: `service lmtp/unix_listener x/mode`."""
    found = {f"{way}{name}": value for name, value in block.settings.items()}
    for inner in block.blocks:
        found |= flat(inner, f"{way}{inner.title}/")
    return found


def truth(block: Block, name: str) -> list[str]:
    """The words of a list: `protocols = imap lmtp`, or in 2.4 also a block of `imap = yes`."""
    listed = block.get(name).replace(",", " ").split()
    for inner in block.all(name):
        listed += [word for word, value in inner.settings.items() if value in ("yes", word)]
    return list(dict.fromkeys(word for word in listed if not word.startswith("$")))
