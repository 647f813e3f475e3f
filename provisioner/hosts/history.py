"""What transactions have left on a host: which there were, what they replaced, what roles brought.

The answer is untrusted. It is bounded and parsed strictly, as the probe's is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Literal

from provisioner.errors import NotTouched
from provisioner.hosts.connection import Connection
from provisioner.hosts.wire import decode, encode

SCRIPT = files("provisioner.hosts").joinpath("history.sh").read_text(encoding="utf-8")
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes that an answer may have."""
LISTED = ("meta", "outcome", "manifest")
"""Files of a transaction that say what it was."""
WHOLE = (*LISTED, "before", "services", "record", "record.before", "proof")
"""Files of a transaction that are needed to go back behind it."""
_ID = re.compile(r"[0-9A-Za-z-]{1,80}\Z")


@dataclass(frozen=True)
class Transaction:
    """One transaction, as its host remembers it."""

    id: str
    ended: float
    """When it ended by the host's clock, seconds since 1970; far in the future where it has not."""
    kib: int
    """The room it takes on the host's disk."""
    failure: str = ""
    """Why it gave up: the step and its words; empty where it did not."""
    texts: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`kept`, `undone`, `stuck`, `untouched`, or `unfinished`."""
        return self._text("outcome").strip() or "unfinished"

    @property
    def when(self) -> datetime:
        """When it began, by the clock of the machine that began it."""
        said = self._meta().get("when", "")
        return datetime.fromtimestamp(int(said) if said.isdigit() and len(said) < 12 else 0, UTC)

    @property
    def who(self) -> str:
        """Who began it."""
        return decode(self._meta().get("who", "")).strip()

    @property
    def commit(self) -> str:
        """The commit of the inventory; empty where it lay in no git repository."""
        return self._meta().get("commit", "").strip("=-")

    @property
    def clean(self) -> bool:
        """Whether all that was applied was committed."""
        return self._meta().get("clean", "yes") == "yes"

    @property
    def back_to(self) -> str:
        """For a rollback: the transaction that the host is as after, or `start`; empty for an apply."""
        return self._meta().get("back-to", "")

    def lines(self, name: str, *verbs: str) -> Iterator[tuple[str, ...]]:
        """The lines of its file `name` as decoded words; of a manifest, those with these verbs."""
        for text in self._text(name).splitlines():
            words = text.split(" ")
            if not verbs or words[0] in verbs:
                yield tuple(decode(word) for word in words)

    def _text(self, name: str) -> str:
        return self.texts.get(name, b"").decode("utf-8", "replace")

    def _meta(self) -> dict[str, str]:
        return dict(text.split(" ", 1) for text in self._text("meta").splitlines() if " " in text)


@dataclass(frozen=True, slots=True)
class Saved:
    """Something that a transaction replaced, as it was before."""

    kind: Literal["file", "link", "directory"]
    owner: str = ""
    group: str = ""
    mode: int = 0
    content: bytes = b""
    target: str = ""
    whole: bool = True
    """Whether all of the content came: 4 MB do."""


@dataclass(frozen=True)
class Answer:
    """What the host answered."""

    transactions: tuple[Transaction, ...] = ()
    """The one that ended last is the last."""
    current: str = ""
    """The id of one that has not ended."""
    current_runs: bool = False
    saved: Mapping[tuple[str, int], Saved] = field(default_factory=dict)
    """By transaction and number."""
    written: Mapping[str, bytes] = field(default_factory=dict)
    """What roles brought, by its SHA-256."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """By path."""
    accounts: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Names by `passwd` or `group` and number."""
    sudo: Mapping[str, str] = field(default_factory=dict)
    """Path → the line that sudo logged of the command that named it."""


def read(connection: Connection, *questions: str) -> Answer:
    """Ask in one exchange. Raises NotTouched where the answer is not what our script writes."""
    request = "".join(f"{question}\n" for question in (*questions, "end")).encode()
    answer = connection.run(SCRIPT, request, argv0="provision-history", limit_bytes=ANSWER_LIMIT)
    return parse(answer.stdout)


def transactions_question(names: Sequence[str] = LISTED) -> str:
    """Ask for every transaction, with these of its files."""
    return f"transactions {' '.join(names)}"


def saved_question(transaction: str, number: int) -> str:
    """Ask for one thing that a transaction replaced."""
    return f"saved {transaction} {number}"


def edited_questions(path: str, changed: float, digest: str) -> tuple[str, str]:
    """Ask for a file as it is and as roles last brought it (`digest`), and who changed it at `changed`."""
    return f"edited {encode(path)} {int(changed)}", f"written {digest}"


def parse(answer: bytes) -> Answer:
    """The answer as values. Raises NotTouched."""
    try:
        lines = answer.decode("ascii", "replace").split("\n")
        return _parse(lines[lines.index("provision-history 1") + 1 :])
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise NotTouched(
            f"the host's answer about its history makes no sense: {error}"[:300],
            hint="It was cut off, or /var/lib/provision/history on the host is damaged.",
        ) from error


def _parse(lines: Iterable[str]) -> Answer:
    found: list[Transaction] = []
    texts: dict[str, bytes] = {}
    current: tuple[str, str] = ("", "")
    saved: dict[tuple[str, int], Saved] = {}
    written: dict[str, bytes] = {}
    contents: dict[str, bytes] = {}
    accounts: dict[tuple[str, int], str] = {}
    sudo: dict[str, str] = {}
    for line in lines:
        match line.split(" "):
            case ["end"]:
                runs = current[1] == "running"
                return Answer(tuple(found), current[0], runs, saved, written, contents, accounts, sudo)
            case ["current", name, state]:
                current = (_known(name), state)
            case ["transaction", name, ended, kib]:
                texts = {}
                found.append(Transaction(_known(name), float(ended), int(kib), texts=texts))
            case ["text", name, word]:
                texts[name] = _content(word)
            case ["fail", *words]:
                found[-1] = _failed(found[-1], words)
            case ["saved", name, number, kind, owner, group, mode, size, word]:
                saved[_known(name), int(number)] = _saved(kind, owner, group, mode, int(size), word)
            case ["written", digest, word] if sha256(content := _content(word)).hexdigest() == digest:
                written[digest] = content
            case ["content", path, word]:
                contents[decode(path)] = _content(word)
            case ["account", database, number, name]:
                accounts[database, int(number)] = name or number
            case ["sudo", path, word]:
                sudo[decode(path)] = _content(word).decode("utf-8", "replace")
            case ["written", *_]:
                pass  # cut off at the limit, or damaged: as if there were none
            case _:
                raise ValueError(f"a line {line[:60]!r}")
    raise ValueError("it has no end")


def _known(name: str) -> str:
    if not _ID.match(name):
        raise ValueError("a transaction with an odd name")
    return name


def _content(word: str) -> bytes:
    return b"" if word == "-" else b64decode(word, validate=True)


def _failed(transaction: Transaction, words: Sequence[str]) -> Transaction:
    said = " ".join(decode(word) for word in words if word)
    return Transaction(transaction.id, transaction.ended, transaction.kib, said, transaction.texts)


def _saved(kind: str, owner: str, group: str, mode: str, size: int, word: str) -> Saved:
    if kind == "link":
        return Saved("link", target=_content(word).decode("utf-8", "surrogateescape").removesuffix("\n"))
    if kind not in ("file", "directory"):
        raise ValueError(f"a saved {kind[:20]!r}")
    content = _content(word)
    whole = kind == "directory" or len(content) == size
    return Saved(
        "directory" if kind == "directory" else "file", owner, group, int(mode, 8), content, whole=whole
    )
