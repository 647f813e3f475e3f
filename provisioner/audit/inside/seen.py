"""What the reading script answered, as values. The answer is untrusted: bounded, parsed line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.hosts.answer import content, parsed, text

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes that an answer may have; the script itself gives each file and each output less."""
FIRST_LINE = "provision-inside 1"
LARGEST = 10**11
"""Seconds since 1970, or bytes of a file, beyond which a number is no such thing."""


@dataclass(frozen=True, slots=True)
class File:
    """A file, folder or link on the host. `content` is None where only its state was read, as for keys."""

    path: str
    kind: str
    """`file`, `folder`, `link` or `other`."""
    mode: int
    """Permission bits, set-id bits included."""
    owner: str
    group: str
    size: int
    """Bytes."""
    changed: int
    """Seconds since 1970, by the host's clock."""
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Output:
    """What a command came to: 127 where it does not exist, 124 where it took too long."""

    status: int
    text: str = field(repr=False)


@dataclass(frozen=True)
class Inside:
    """One host as it answered. Everything in here may be secret until a check has chosen what to show."""

    at: int = 0
    """The host's clock, in seconds since 1970."""
    files: Mapping[str, File] = field(default_factory=dict, repr=False)
    """Everything that was looked at and exists, by its path."""
    outputs: Mapping[str, Output] = field(default_factory=dict, repr=False)
    """Everything that was run, by the name that the script gives it."""

    def text(self, path: str) -> str:
        """A file as text; empty where there is none."""
        file = self.files.get(path)
        return (file.content or b"").decode("utf-8", "replace") if file else ""

    def output(self, name: str) -> str:
        """What a command printed; empty where it could not be run."""
        found = self.outputs.get(name)
        return found.text if found else ""

    def ran(self, name: str) -> bool:
        """Whether a command was there and ended well."""
        found = self.outputs.get(name)
        return found is not None and found.status == 0


def parse(answer: bytes) -> Inside:
    """The answer as values. Raises NotTouched where it is not what our script writes."""
    return parsed(answer, FIRST_LINE, _read)


def _read(lines: list[str]) -> Inside:
    files: dict[str, File] = {}
    outputs: dict[str, Output] = {}
    at = 0
    for number, line in enumerate(lines, 2):
        match line.split(" "):
            case ["end"]:
                return Inside(at, files, outputs)
            case ["at", seconds]:
                at = _number(seconds)
            case ["file", path, kind, mode, owner, group, size, changed, word]:
                name = text(path)
                held = None if word == "." else content(word)
                files[name] = File(
                    name, kind, int(mode, 8), text(owner), text(group), _number(size), int(changed), held
                )
            case ["output", name, status, word]:
                outputs[name] = Output(_number(status, 255), text(word))
            case _:
                raise ValueError(f"line {number}: {line[:60]!r}")
    raise ValueError("it has no end")


def _number(word: str, most: int = LARGEST) -> int:
    if not word.isdigit() or len(word) > 20 or int(word) > most:
        raise ValueError(f"{word[:30]!r} is no number that can be")
    return int(word)
