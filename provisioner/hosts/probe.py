"""The first exchange: what to look at, and what the host answered.

The answer is untrusted. It is bounded, parsed strictly line by line, and anything that is not
of the form the probe writes is a `NotTouched` error, never a guess.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files

from provisioner.errors import NotTouched
from provisioner.hosts.hold import read_hold
from provisioner.hosts.wire import decode, encode, line
from provisioner.resources import Command, Directory, File, Group, Link, Package, Service, Timer, User
from provisioner.resources.observed import (
    ABSENT,
    AccountState,
    Facts,
    FileState,
    LastApplied,
    Observed,
    UnitState,
    Written,
)
from provisioner.roles.model import Desired

SCRIPT = files("provisioner.hosts").joinpath("probe.sh").read_text(encoding="utf-8")
CONTENT_LIMIT = 1_000_000
"""Bytes of a file that come along at most, as the probe cuts them."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes that an answer may have."""
OTHER_MAIL_SERVERS = (
    "exim4-daemon-light", "exim4-daemon-heavy", "sendmail-bin", "opensmtpd", "courier-mta",
    "nullmailer", "msmtp-mta", "dma", "ssmtp", "cyrus-imapd", "courier-imap",
)  # fmt: skip
"""Debian packages that a first apply must not find: they hold the same ports or `sendmail`."""

_FILE_TYPES = {0o100000: "file", 0o040000: "directory", 0o120000: "link"}


class Request:
    """What to ask of one host, whichever of the candidate releases it turns out to run."""

    def __init__(self, candidates: Sequence[Desired], written: Iterable[Written] = ()) -> None:
        """`written` adds what an earlier transaction left and no role names."""
        self._lines: dict[str, None] = {}
        digests: dict[str, set[str]] = {}
        for desired in candidates:
            for resource in desired.resources:
                match resource:
                    case File():
                        digests.setdefault(resource.path, set()).add(
                            "" if resource.sensitive else resource.digest
                        )
                    case Directory() | Link():
                        digests.setdefault(resource.path, set()).add("")
                    case Package():
                        self._ask("package", resource.name)
                    case Service():
                        self._ask("unit", resource.unit)
                        self._ask("unit", resource.enables)
                    case Timer():
                        self._ask("unit", resource.unit)
                    case User():
                        self._ask("user", resource.name)
                    case Group():
                        self._ask("group", resource.name)
                    case Command():
                        self._ask_guard(resource)
        for note in written:
            if note.kind in ("file", "link"):
                digests.setdefault(note.name, set()).add("")
            else:
                self._ask("unit", note.name)
        for name in OTHER_MAIL_SERVERS:
            self._ask("package", name)
        for desired in candidates[:1]:
            target = str(desired.variables.get("mail_outbound_test") or "-")
            self._lines[
                f"around {public_address(desired) or '-'} {target if target == '-' else encode(target)}\n"
            ] = None
        self.paths = tuple(digests)
        for path, known in digests.items():
            # Without "-", the content comes along where it is none of these: for the diff.
            want = "-" if "" in known else ",".join(sorted(known))
            self._lines[f"file {encode(path)} {want}\n"] = None

    def _ask(self, *words: str) -> None:
        self._lines[line(*words)] = None

    def _ask_guard(self, command: Command) -> None:
        if command.guard and command.guard.creates:
            self._ask("exists", command.name, command.guard.creates)
        elif command.guard:
            self._ask("unless", command.name, *command.guard.unless)

    def encode(self) -> bytes:
        """The request as the probe reads it."""
        return ("".join(self._lines) + "end\n").encode()


def parse(answer: bytes, request: Request) -> Observed:
    """The answer as values. Raises NotTouched where it is not what our probe writes."""
    try:
        lines = answer.decode("ascii").split("\n")
        return _Answer(request, lines[lines.index("provision-probe 1") + 1 :]).read()
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise NotTouched(
            f"the host's answer makes no sense: {error}"[:300],
            hint="It was cut off, or comes from something else than a Debian system's `sh`.",
        ) from error


class _Answer:
    """One answer while it is read."""

    def __init__(self, request: Request, lines: list[str]) -> None:
        self._request = request
        self._lines = lines
        self._facts: dict[str, str] = {}
        self._existing: list[int] = []
        self._stats: list[tuple[str, ...]] = []
        self._links: dict[int, str] = {}
        self._digests: dict[int, str] = {}
        self._contents: dict[int, bytes] = {}
        self._packages: dict[str, str] = {}
        self._units: dict[str, UnitState] = {}
        self._unit: dict[str, str] = {}
        self._users: dict[str, AccountState] = {}
        self._groups: dict[str, AccountState] = {}
        self._listening: set[tuple[str, int]] = set()
        self._met: set[str] = set()
        self._records: dict[str, str] = {}
        self._unfinished = ("", "")

    def read(self) -> Observed:
        for number, text in enumerate(self._lines):
            if text == "end":
                break
            verb, _, rest = text.partition(" ")
            reader = getattr(self, f"_read_{verb}", None)
            if reader is None:
                raise ValueError(f"line {number + 2}: {text[:60]!r}")
            reader(rest)
        else:
            raise ValueError("it has no end")
        self._end_unit()
        return self._observed()

    def _read_fact(self, rest: str) -> None:
        key, _, value = rest.partition(" ")
        self._facts[key] = value

    def _read_unfinished(self, rest: str) -> None:
        name, _, state = rest.partition(" ")
        if not re.fullmatch(r"[0-9A-Za-z-]{1,80}", name):
            raise ValueError("a transaction with an odd name")
        self._unfinished = (name, state)

    def _read_record(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        self._records[name] = b64decode(value, validate=True).decode("utf-8", "replace")

    def _read_guard(self, rest: str) -> None:
        name, _, state = rest.partition(" ")
        if state == "met":
            self._met.add(name)

    def _read_existing(self, rest: str) -> None:
        self._existing = [int(word.partition(":")[0]) for word in rest.split()]

    def _read_stat(self, rest: str) -> None:
        self._stats.append(tuple(rest.split(" ")))

    def _read_link(self, rest: str) -> None:
        number, _, value = rest.partition(" ")
        target = b64decode(value, validate=True).decode("utf-8", "surrogateescape")
        self._links[int(number)] = target.removesuffix("\n")

    def _read_hash(self, rest: str) -> None:
        number, _, value = rest.partition(" ")
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError("a hash that is none")
        self._digests[int(number)] = value

    def _read_content(self, rest: str) -> None:
        number, _, value = rest.partition(" ")
        self._contents[int(number)] = b64decode(value, validate=True)

    def _read_package(self, rest: str) -> None:
        name, version, status = rest.split(" ")
        if status == "installed":
            self._packages[name] = version

    def _read_unit(self, rest: str) -> None:
        if not rest:
            self._end_unit()
            return
        key, _, value = rest.partition("=")
        self._unit[key] = value

    def _end_unit(self) -> None:
        if self._unit:
            unit = self._unit
            self._units[unit["Id"]] = UnitState(
                load=unit.get("LoadState", ""),
                active=unit.get("ActiveState", ""),
                enabled=unit.get("UnitFileState", ""),
                state_changed=_seconds(unit.get("StateChangeTimestamp", "")),
                started=_seconds(unit.get("ExecMainStartTimestamp", ""))
                or _seconds(unit.get("ActiveEnterTimestamp", "")),
                needs_daemon_reload=unit.get("NeedDaemonReload") == "yes",
            )
            self._unit = {}

    def _read_user(self, rest: str) -> None:
        name, uid, _gid, *_, groups = rest.split(" ")
        self._users[name] = AccountState(int(uid), tuple(groups.split(",")))

    def _read_group(self, rest: str) -> None:
        name, gid = rest.split(" ")
        self._groups[name] = AccountState(int(gid))

    def _read_listen(self, rest: str) -> None:
        address, port = rest.split(":")
        self._listening.add((_address(address), int(port, 16)))

    def _observed(self) -> Observed:
        name, state = self._unfinished
        return Observed(
            facts=self._read_facts(),
            files=self._files(),
            packages=self._packages,
            units=self._units,
            users=self._users,
            groups=self._groups,
            listening=frozenset(self._listening),
            met=frozenset(self._met),
            written=tuple(_written(self._records.get("state", ""))),
            last=_last(self._records.get("last", "")),
            unfinished=name,
            unfinished_runs=state == "running",
            hold=read_hold(self._records.get("hold", ""), float(self._facts.get("now", "0"))),
        )

    def _read_facts(self) -> Facts:
        facts = self._facts
        return Facts(
            system=facts.get("system", ""),
            release=facts.get("release", ""),
            debian=facts.get("debian", ""),
            hostname=facts.get("hostname", ""),
            init=facts.get("init", ""),
            boot=facts.get("boot", ""),
            uid=int(facts.get("uid", "-1")),
            now=float(facts.get("now", "0")),
            memory_kib=int(facts.get("memory_kib", "0")),
            disk_kib=int(facts.get("disk_kib", "0")),
            ptr=facts.get("ptr", "").rstrip(".").lower(),
            validates=facts.get("validates", ""),
            outbound=facts.get("outbound", ""),
        )

    def _files(self) -> dict[str, FileState]:
        if len(self._stats) != len(self._existing):
            raise ValueError("files came or went while they were read")
        states = dict.fromkeys(self._request.paths, ABSENT)
        for number, (raw, _uid, _gid, owner, group, size, changed) in zip(
            self._existing, self._stats, strict=True
        ):
            bits = int(raw, 16)
            self._check_content(number)
            kind = _FILE_TYPES.get(bits & 0o170000, "other")
            states[self._request.paths[number - 1]] = FileState(
                kind,  # type: ignore[arg-type]  # one of the values of _FILE_TYPES, or "other"
                owner,
                group,
                bits & 0o7777,
                int(size),
                float(changed),
                self._digests.get(number, ""),
                self._links.get(number, ""),
                self._contents.get(number),
            )
        return states

    def _check_content(self, number: int) -> None:
        """A content that came whole is the one whose hash came with it."""
        content = self._contents.get(number)
        if content is None or len(content) >= CONTENT_LIMIT:
            return
        if sha256(content).hexdigest() != self._digests.get(number):
            raise ValueError("a content that does not match its hash")


def public_address(desired: Desired) -> str:
    """The address that the world reaches a host at: the first of `mail_addresses`; empty if none is given."""
    from ipaddress import ip_address

    addresses = desired.variables.get("mail_addresses")
    first = addresses[0] if isinstance(addresses, list | tuple) and addresses else ""
    try:
        return str(ip_address(str(first))) if first else ""
    except ValueError:
        return ""


def encode_record(written: Iterable[Written]) -> bytes:
    """What a transaction leaves on the host: a line for each thing that is ours."""
    return "".join(line(w.kind, w.name, w.digest, w.role) for w in written).encode()


def _written(record: str) -> Iterable[Written]:
    for text in record.splitlines():
        kind, name, digest, role = text.split(" ")
        yield Written(kind, decode(name), decode(digest), role)


def _last(record: str) -> LastApplied | None:
    fields = dict(text.split(" ", 1) for text in record.splitlines() if " " in text)
    if "id" not in fields:
        return None
    return LastApplied(
        id=fields["id"],
        when=datetime.fromtimestamp(int(fields.get("when", "0")), UTC),
        who=decode(fields.get("who", "")).strip(),
        commit=fields.get("commit", "").strip("=-"),
        clean=fields.get("clean", "yes") == "yes",
        back_to=fields.get("back-to", ""),
    )


def _seconds(text: str) -> float:
    """systemd's `Tue 2026-11-24 22:45:27.123456 UTC`, as seconds since 1970; 0 for `n/a` and empty."""
    parts = text.split(" ")
    if len(parts) != 4:
        return 0.0
    day, time = parts[1:3]
    form = "%Y-%m-%d %H:%M:%S.%f" if "." in time else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(f"{day} {time}", form).replace(tzinfo=UTC).timestamp()


def _address(text: str) -> str:
    """The kernel's hexadecimal form of an address (/proc/net/tcp), as people write it."""
    from ipaddress import ip_address

    words = [bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8)]
    return str(ip_address(b"".join(words)))
