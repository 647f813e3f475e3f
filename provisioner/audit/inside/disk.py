"""Disks: whether mail, queue and logs have room, and may be written at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

SPACE = Check(
    "disk.space",
    Severity.HIGH,
    "There is room for mail, queue and logs",
    "On a full disk mail is refused, databases break, and logs end before the reason is in them.",
    "`du -xh --max-depth=2 / | sort -h | tail`; `journalctl --vacuum-size=500M`; `apt-get clean`; or a larger"
    " disk.",
    "Postfix, postconf(5), queue_minfree; CIS Controls 8.3",
)
ACCEPTS = Check(
    "disk.queue-accepts",
    Severity.CRITICAL,
    "Postfix has the room it wants before it takes mail",
    "With less it answers `452 4.3.1 Insufficient system storage` to everybody.",
    "Make room on the file system of `queue_directory`; `queue_minfree` and `message_size_limit` say how"
    " much.",
    "postconf(5), queue_minfree and message_size_limit",
)
INODES = Check(
    "disk.inodes",
    Severity.HIGH,
    "There is room for more files",
    "Maildir keeps each letter in a file, and without inodes none can be made, however much space is left.",
    "Delete what is many and small (old sessions, caches); or a new file system with more inodes.",
    "mkfs.ext4(8), -i bytes-per-inode",
)
WRITABLE = Check(
    "disk.writable",
    Severity.CRITICAL,
    "The file systems of mail, queue and logs can be written",
    "Linux mounts a file system read-only when its disk fails. From then on nothing is delivered.",
    "`dmesg -T | grep -i error` says why; save the data before `fsck`.",
    "mount(8), errors=remount-ro",
)
CHECKS = (SPACE, ACCEPTS, INODES, WRITABLE)

_GIB = 1024 * 1024
"""KiB in a GiB."""
TIGHT = (10, 10 * _GIB)
"""Per cent free, and KiB free: below both there is little room."""
FULL = (3, 512 * 1024)
"""Per cent free or KiB free: below either, and below `TIGHT`, there is next to none."""


@dataclass(frozen=True, slots=True)
class Room:
    """A file system: its size and what is free, in KiB or in inodes."""

    mount: str
    device: str
    total: int
    free: int

    @property
    def percent(self) -> float:
        """Per cent free; 100 where the file system does not count (btrfs has no fixed inodes)."""
        return 100 * self.free / self.total if self.total else 100.0


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the disks. Subject of each finding: the host."""
    space = _rooms(inside.output("space"))
    yield _space(space).of(SPACE, subject)
    yield _accepts(inside, space).of(ACCEPTS, subject)
    yield _inodes(_rooms(inside.output("inodes"))).of(INODES, subject)
    yield _writable(inside).of(WRITABLE, subject)


def _rooms(text: str) -> list[Room]:
    """What `df -P` printed, each file system once; the last word is where it is mounted."""
    found: dict[str, Room] = {}
    for line in text.splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and words[1].isdecimal() and words[3].isdecimal():
            found[words[5]] = Room(words[5], words[0], int(words[1]), int(words[3]))
    return list(found.values())


def _size(kib: int) -> str:
    return f"{kib / _GIB:.1f} GiB" if kib >= _GIB else f"{kib / 1024:.0f} MiB"


def _space(rooms: list[Room]) -> Verdict:
    if not rooms:
        return untested("how full the disks are could not be read")
    rooms = [room for room in rooms if room.mount != "/boot" or room.percent < FULL[0]]
    tight = [room for room in rooms if room.percent < TIGHT[0] and room.free < TIGHT[1]]
    full = [room for room in tight if room.percent < FULL[0] or room.free < FULL[1]]
    shown = [
        f"{room.mount}: {_size(room.free)} of {_size(room.total)} free ({room.percent:.0f} %)"
        for room in rooms
    ]
    if full:
        return failed(f"{', '.join(room.mount for room in full)} is full", *shown)
    if tight:
        return warned(
            f"{', '.join(room.mount for room in tight)} is nearly full", *shown, severity=Severity.MEDIUM
        )
    return passed("there is room on all disks", *shown)


def _accepts(inside: Inside, rooms: list[Room]) -> Verdict:
    limits = dict(line.partition(" = ")[::2] for line in inside.output("queue-limits").splitlines())
    queue = limits.get("queue_directory", "")
    mount = dict(line.partition("|")[::2][::-1] for line in inside.output("mount-points").splitlines()).get(
        queue
    )
    room = next((room for room in rooms if room.mount == mount), None)
    if not queue:
        return skipped("there is no queue of Postfix")
    if room is None:
        return untested(f"the file system of {queue} was not found")
    size, least = limits.get("message_size_limit", ""), limits.get("queue_minfree", "")
    # Postfix wants 1.5 times the largest message (postconf(5), queue_minfree), or more where told.
    wanted = max(int(int(size) * 1.5) if size.isdecimal() else 0, int(least) if least.isdecimal() else 0)
    if room.free * 1024 < wanted:
        return failed(f"{_size(room.free)} are free in {queue}, and Postfix wants {_size(wanted // 1024)}")
    return passed(f"{_size(room.free)} are free in {queue}, and Postfix wants {_size(wanted // 1024)}")


def _inodes(rooms: list[Room]) -> Verdict:
    if not rooms:
        return untested("how many files the disks can hold could not be read")
    short = [room for room in rooms if room.total and room.percent < TIGHT[0]]
    shown = [
        f"{room.mount}: {room.free} of {room.total} inodes free ({room.percent:.0f} %)" for room in short
    ]
    if any(room.percent < FULL[0] for room in short):
        return failed(f"{', '.join(room.mount for room in short)} can hold hardly one file more", *shown)
    if short:
        return warned(f"{', '.join(room.mount for room in short)} can't hold many files more", *shown,
                      severity=Severity.MEDIUM)  # fmt: skip
    return passed("there is room for more files on all disks")


def _writable(inside: Inside) -> Verdict:
    used: dict[str, list[str]] = {}
    for line in inside.output("mount-points").splitlines():
        mount, _, path = line.partition("|")
        if path not in ("/", "/boot"):
            used.setdefault(mount, []).append(path)
    if not used:
        return untested("where the disks are mounted could not be read")
    options = {}
    for line in inside.output("mounts").splitlines():
        words = line.split()
        if len(words) >= 4:
            options[words[1]] = words[3].split(",")
    closed = [mount for mount in used if "ro" in options.get(mount, [])]
    if closed:
        shown = [f"{mount} is mounted read-only; it holds {', '.join(used[mount][:5])}" for mount in closed]
        return failed(f"{', '.join(closed)} can't be written", *shown)
    return passed("the file systems of mail, queue and logs can be written")
