"""Files on a mail server: who may read its keys, passwords and mail, and who may change its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

KEYS = Check(
    "files.keys",
    Severity.HIGH,
    "Private keys are readable by their services alone",
    "Who has the key of TLS reads and changes the mail on its way; who has the key of DKIM signs as you.",
    "`chown root:root KEY; chmod 600 KEY`; Postfix and Dovecot open it as root. A DKIM key belongs to the"
    " program that signs. A key that was open to others should be replaced.",
    "RFC 6376 §8.3; Postfix TLS_README, section Server-side certificate and private key configuration",
)
PASSWORDS = Check(
    "files.passwords",
    Severity.HIGH,
    "Files that hold passwords are not readable by everybody",
    "Any account on the host, that of a web page too, can take the password of the database or of the smart"
    " host from there.",
    "`chown root:postfix FILE; chmod 640 FILE`, or `root:dovecot` for Dovecot's; the same for the `.db`"
    " beside it.",
    "Postfix SASL_README, section Client authentication; CIS Controls 3.3",
)
HASHES = Check(
    "files.hashes",
    Severity.MEDIUM,
    "Files that hold people's password hashes are not readable by everybody",
    "Hashes can be guessed at in peace by whoever has a copy. That is why /etc/shadow is closed.",
    "`chown root:dovecot FILE; chmod 640 FILE`.",
    "shadow(5); Dovecot, Passwd-file",
)
CONFIGURATION = Check(
    "files.configuration",
    Severity.CRITICAL,
    "Only root changes the configuration and what it runs",
    "Who may write to these files decides what runs as root, or as every user, at the next delivery.",
    "`chown root:root FILE; chmod go-w FILE`, and the same for the folders above it.",
    "Postfix, `postfix check`; CIS Controls 3.3",
)
MAIL = Check(
    "files.mail",
    Severity.HIGH,
    "Mail is readable by its owner alone",
    "Letters are private, and any program on the host that is broken into may read what is open to others.",
    "`chmod -R o-rwx FOLDER`; new mail takes the permissions of its folder, in Dovecot as in Postfix.",
    "Dovecot, Shared mailbox permissions; GDPR Art. 32",
)
QUEUE = Check(
    "files.queue",
    Severity.MEDIUM,
    "Postfix's queue has its own owners and permissions",
    "With others, mail stays unsent without a word, or people can read and change what others send.",
    "`postfix set-permissions`, then `postfix check`.",
    "Postfix, postfix-files(5), `postfix check`",
)
CHECKS = (KEYS, PASSWORDS, HASHES, CONFIGURATION, MAIL, QUEUE)

_MODE = re.compile(r"[0-7]{1,4}")
_PRIVATE = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
)


@dataclass(frozen=True, slots=True)
class State:
    """Whose a file or folder is, and its permission bits."""

    mode: int
    owner: str
    group: str

    def __str__(self) -> str:
        return f"{self.mode:04o} {self.owner}:{self.group}"


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the files that the host listed. Subject of each finding: the host."""
    states = _states(inside.output("states"))
    people = frozenset(inside.output("people").split())
    groups = frozenset(inside.output("people-groups").split())
    yield _keys(_paths(inside, "keys"), states, people, groups).of(KEYS, subject)
    yield _closed(_paths(inside, "password-files"), states, "passwords").of(PASSWORDS, subject)
    yield _closed(_paths(inside, "hash-files"), states, "password hashes").of(HASHES, subject)
    yield _configuration(_paths(inside, "settings-files"), states, people, groups).of(CONFIGURATION, subject)
    yield _mail(inside, states).of(MAIL, subject)
    yield _queue(inside).of(QUEUE, subject)


def _states(text: str) -> dict[str, State]:
    found = {}
    for line in text.splitlines():
        words = line.split(" ", 4)
        if len(words) == 5 and _MODE.fullmatch(words[0]):
            found[words[4]] = State(int(words[0], 8), words[1], words[2])
    return found


def _paths(inside: Inside, name: str) -> list[str]:
    return [path for path in inside.output(name).splitlines() if path.startswith("/")]


def reachable(path: str, states: Mapping[str, State]) -> bool:
    """Whether others may pass all folders above a path; a folder not known counts as open."""
    parts = path.split("/")[1:-1]
    above = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
    return all(states[folder].mode & 0o001 for folder in above if folder in states)


def _open(paths: list[str], states: Mapping[str, State]) -> list[str]:
    """Those of `paths` that everybody may read."""
    return [
        path for path in paths if path in states and states[path].mode & 0o004 and reachable(path, states)
    ]


def _shown(paths: list[str], states: Mapping[str, State]) -> list[str]:
    return [f"{states[path]} {path}" for path in paths]


def _keys(
    paths: list[str], states: Mapping[str, State], people: frozenset[str], groups: frozenset[str]
) -> Verdict:
    known = [path for path in paths if path in states]
    if not known:
        return skipped("no private key was found")
    opened = _open(known, states)
    if opened:
        return failed(f"{_count(opened, 'private key')} readable by everybody", *_shown(opened, states))
    foreign = [path for path in known if _belongs_to_people(states[path], people, groups)]
    if foreign:
        return warned(
            f"{_count(foreign, 'private key')} readable by somebody who logs in",
            *_shown(foreign, states),
            severity=Severity.MEDIUM,
        )
    return passed(f"{_count(known, 'private key')} closed to others")


def _belongs_to_people(state: State, people: frozenset[str], groups: frozenset[str]) -> bool:
    return state.owner in people or bool(state.mode & 0o040 and state.group in groups)


def _count(things: list[str], name: str, more: str = "") -> str:
    """`1 file is`, `2 files with passwords are`."""
    one = len(things) == 1
    return f"{len(things)} {name}{'' if one else 's'}{more} {'is' if one else 'are'}"


def _closed(paths: list[str], states: Mapping[str, State], what: str) -> Verdict:
    known = [path for path in paths if path in states]
    if not known:
        return skipped(f"no file with {what} was found")
    opened = _open(known, states)
    if opened:
        return failed(
            f"{_count(opened, 'file', f' with {what}')} readable by everybody", *_shown(opened, states)
        )
    return passed(f"{_count(known, 'file', f' with {what}')} closed to others")


def _configuration(
    paths: list[str], states: Mapping[str, State], people: frozenset[str], groups: frozenset[str]
) -> Verdict:
    known = [path for path in paths if path in states]
    if not known:
        return skipped("no configuration of a mail server was found")
    opened = [path for path in known if states[path].mode & 0o002 and reachable(path, states)]
    if opened:
        return failed(f"{_count(opened, 'path')} writable by everybody", *_shown(opened, states))
    foreign = [
        path for path in known if states[path].owner in people
        or (states[path].mode & 0o020 and states[path].group in groups)
    ]  # fmt: skip
    if foreign:
        return failed(
            f"{_count(foreign, 'path')} writable by somebody who logs in",
            *_shown(foreign, states),
            severity=Severity.MEDIUM,
        )
    return passed(
        f"{len(known)} files and folders of the configuration can be changed by root and services alone"
    )


def _mail(inside: Inside, states: Mapping[str, State]) -> Verdict:
    roots = _paths(inside, "mail-roots")
    if not roots:
        return skipped("no folder of mail was found")
    opened = [path for path in _paths(inside, "open-mail") if path in states and reachable(path, states)]
    if opened:
        return failed("mail is readable by everybody", *_shown(opened, states))
    return passed(f"mail in {', '.join(roots[:5])} is closed to others")


def _queue(inside: Inside) -> Verdict:
    folders = _folders(inside.output("queue-folders"))
    if not folders:
        return skipped("there is no queue of Postfix")
    owner = folders.get("active", State(0, "postfix", "")).owner
    group = folders.get("maildrop", State(0, "", "postdrop")).group
    wrong = [
        f"{state} {name}" for name, state in sorted(folders.items()) if name in _PRIVATE
        and (state.owner != owner or owner == "root" or state.mode & 0o077)
    ]  # fmt: skip
    for name, least in (("maildrop", 0o730), ("public", 0o710)):
        state = folders.get(name)
        if state and (state.owner != owner or state.group != group or state.mode & 0o777 != least):
            wrong.append(f"{state} {name}")
    wrong += [f"{state} {name}" for name, state in folders.items() if name == "pid" and state.owner != "root"]
    for path, state in _states(inside.output("queue-programs")).items():
        if state.group != group or not state.mode & 0o2000 or state.owner != "root":
            wrong.append(f"{state} {path}")
    if wrong:
        return failed("the queue's owners or permissions are not Postfix's", *wrong)
    return passed("the queue's owners and permissions are as Postfix sets them")


def _folders(text: str) -> dict[str, State]:
    found = {}
    for line in text.splitlines():
        words = line.split(" ", 3)
        if len(words) == 4 and _MODE.fullmatch(words[0]):
            found[words[3]] = State(int(words[0], 8), words[1], words[2])
    return found
