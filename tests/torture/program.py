"""Kill what changes a mail server, again and again, while mail flows; then count what is left.

    torture --kills 200 [--release trixie] [--host NAME] [--state DIR] [--json] [--keep]

Everything it knows lies in the state folder: run it again with the same one, and it goes on where it ended.
Ends with 0 where nothing was lost and nothing was ever between before and after, else with 3.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from subprocess import DEVNULL, Popen

from provisioner import sandbox
from tests.conftest import mail_layer
from tests.hosts.conftest import ALICE, VARIABLES, MailServer
from tests.torture.faults import HISTORY, PAUSE, Fault, schedule, strike
from tests.torture.mail import Sender, count

BOB = VARIABLES["mail_domains"]["example.test"]["users"]["bob"]["password"]  # type: ignore[index]
SIDES: dict[str, dict[str, object]] = {
    "A": {"postfix_parameters": {"message_size_limit": 20480000}},
    "B": {
        "postfix_parameters": {"message_size_limit": 30720000},
        "dovecot_settings": {"mail_max_userip_connections": 33},
    },
}
"""The two configurations that the host goes to and fro between."""
HASHES = (
    "cut -d ' ' -f 1,2 /var/lib/provision/state | while read -r kind name; do [ \"$kind\" != file ] || "
    "sha256sum -- \"$name\"; done; find /etc -name '.provision-*'"
)
AT_REST = (
    "for i in $(seq 1800); do systemctl list-units --plain --no-legend 'provision-20*' | grep -q . || break; "
    "sleep 0.1; done; readlink /var/lib/provision/current || true"
)
SERVING = (
    "for i in $(seq 300); do [ $(systemctl is-active postfix dovecot rspamd | grep -cx active) = 3 ] && break"
    "; sleep 0.2; done; "
    "systemctl is-active postfix dovecot rspamd"
)


class Torture:
    """One run: the host, what is known of it, and what has been done to it so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder: Path = options.state
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "state.json"
        self.journal = self.folder / "messages"
        known = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.done: list[dict[str, object]] = known.get("done", [])
        self.hashes: dict[str, str] = known.get("hashes", {})
        self.points: list[str] = known.get("points", [])
        self.quiet: bool = options.json
        host = sandbox.up(options.host, release=options.release, layer=mail_layer(options.release))
        self.server = MailServer(host, self.folder)

    def say(self, text: str) -> None:
        """Progress, on stderr."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def save(self) -> None:
        """Remember everything so far, whole or not at all."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({"done": self.done, "hashes": self.hashes, "points": self.points}))
        new.replace(self.file)

    def sh(self, command: str) -> str:
        """What a command prints on the host, which may still be cut off for a while."""
        limit = time.monotonic() + 120
        while True:
            try:
                return self.server.sh(command)
            except sandbox.SandboxError:
                if time.monotonic() > limit:
                    raise
                time.sleep(2)

    def apply(self, side: str) -> Popen[bytes]:
        """Begin to bring the host to a side, as a process of its own."""
        self.server.write(**SIDES[side])
        command = [sys.executable, "-c", "from provisioner.cli import main; main()", "apply",
                   str(self.server.inventory), "--yes", "--no-verify", "--json"]  # fmt: skip
        log = (self.folder / "apply.log").open("ab")
        return Popen(command, stdin=DEVNULL, stdout=log, stderr=log)

    def settle(self, side: str) -> None:
        """Bring the host to a side, whatever was done to it; the next apply always can."""
        for _ in range(3):
            if self.apply(side).wait(400) == 0:
                return
            self.say("an apply after a fault failed; once more")
        raise RuntimeError(f"no apply brings the host to {side}; see {self.folder / 'apply.log'}")

    def learn(self) -> None:
        """What the files of both sides hold, and where a transaction between them can be stopped."""
        for side in ("A", "B"):
            if side == "B":
                self.sh(f"echo nowhere >{PAUSE}")
            self.settle(side)
            self.hashes[side] = self.sh(HASHES)
        self.sh(f"rm -f {PAUSE}")
        newest = f"{HISTORY}/$(ls -1 {HISTORY} | tail -n 1)/steps"
        words = [line.split() for line in self.sh(f"cat {newest}").splitlines()]
        lines = [" ".join(w[:-1] if w[0] == "took" else w) for w in words]
        self.points = [line for line in dict.fromkeys(lines) if not line.startswith("outcome")]
        assert self.hashes["A"] != self.hashes["B"]
        self.save()

    def side(self) -> str:
        """Which of the two the files are, or `between`; a file that is neither makes it `broken`."""
        now = self.sh(HASHES)
        for side, known in self.hashes.items():
            if now == known:
                return side
        allowed = {line for known in self.hashes.values() for line in known.splitlines()}
        halves = [line for line in now.splitlines() if line not in allowed and ".provision-" not in line]
        return "broken " + " ".join(halves) if halves else "between"

    def strike(self, fault: Fault) -> None:
        """One fault, and how the host is after it: at once, at rest, and after the next apply."""
        began, since = time.monotonic(), time.time()
        before = self.side()
        other = "B" if before == "A" else "A"
        process = strike(fault, self.server.sandbox.name, lambda: self.apply(other))
        self.sh("while nft list table inet silence >/dev/null 2>&1; do sleep 0.5; done")
        at_once = self.side()
        open_transaction = self.sh(AT_REST).strip()
        at_rest = self.side()
        try:
            status = process.wait(300)
        except subprocess.TimeoutExpired:
            process.kill()
            status = -1
        if open_transaction:
            self.settle(other)
        serving = self.sh(SERVING).split().count("active") == 3
        ended = self.side()
        good = ended in ("A", "B") and serving and not at_once.startswith("broken")
        good = good and (at_rest in ("A", "B") or bool(open_transaction))
        kinds = {"kept" if at_rest == other else "undone": True}
        self.done.append({
            "fault": fault.kind, "point": fault.point, "at_once": at_once, "at_rest": at_rest,
            "end": "repaired by the next apply" if open_transaction else next(iter(kinds)),
            "since": since, "until": time.time(), "status": status, "good": good,
            "seconds": round(time.monotonic() - began, 1),
        })  # fmt: skip
        self.save()
        self.say(f"{len(self.done)}: {fault}: {self.done[-1]['end']}{'' if good else '  *** NOT GOOD ***'}")

    def go(self, kills: int) -> dict[str, object]:
        """All of it; the summary."""
        began = time.monotonic()
        if not self.points:
            self.learn()
        sender = Sender(self.server.sandbox.address, ALICE, self.journal)
        sender.start()
        try:
            for fault in schedule(self.points, kills)[len(self.done) :]:
                if self.side() not in ("A", "B"):
                    self.settle("A")  # an earlier run of this program ended in the middle
                self.strike(fault)
        finally:
            sender.stop()
        # A file that is not executable is of a message that was not accepted yet when its process died.
        drained = (
            'for i in $(seq 600); do [ -z "$(find /var/spool/postfix/active /var/spool/postfix/incoming '
            '/var/spool/postfix/deferred /var/spool/postfix/maildrop -type f -perm -u+x)" ] && break; '
            "postqueue -f; sleep 0.5; done; postqueue -j; ls -1 /var/spool/postfix/corrupt"
        )
        queue = self.sh(drained).strip()
        mail = count(self.server.sandbox.address, str(BOB), self.journal)
        bad = [one for one in self.done if not one["good"]]
        doubled = unexplained(mail.twice, self.done)
        return {
            "kills": len(self.done),
            "by_fault": dict(Counter(str(one["fault"]) for one in self.done)),
            "by_point": dict(Counter(str(one["point"]) for one in self.done if one["point"])),
            "ended": dict(Counter(str(one["end"]) for one in self.done)),
            "not_good": bad, "left_in_queue": queue, "messages": asdict(mail),
            "twice_without_a_reason": doubled,
            "seconds": round(time.monotonic() - began),
            "passed": not bad and not queue and not mail.lost and not doubled and mail.accepted > 0,
        }  # fmt: skip


def unexplained(twice: Mapping[str, float], strikes: Iterable[Mapping[str, object]]) -> list[str]:
    """The messages that were delivered twice and need not have been; `twice` says when each was sent.

    SMTP promises at least once (RFC 1047): who dies between storing a message and saying so
    gets it again. A power cut may catch several. A service that is restarted for the old files, as after
    every strike that was not kept, may catch the one that the sender has under way; a reload catches none.
    """
    left = dict(twice)
    for one in strikes:
        since, until = float(str(one["since"])), float(str(one["until"]))
        excused: list[str] = []
        if one["fault"] == "power cut":
            excused = [mark for mark, sent in left.items() if since - 20 < sent < until + 5]
        elif one["end"] != "kept":
            excused = [mark for mark, sent in left.items() if since <= sent < until][:1]
        for mark in excused:
            del left[mark]
    return list(left)


def main() -> int:
    """Torture a host, print what came of it."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--release", default="trixie", choices=("bookworm", "trixie"))
    parser.add_argument(
        "--host", default="torture", help="name of the sandbox host, made where there is none"
    )
    parser.add_argument("--state", type=Path, default=Path.home() / ".cache" / "provision-torture")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the host running afterwards")
    options = parser.parse_args()
    summary = Torture(options).go(options.kills)
    (options.state / "summary.json").write_text(json.dumps(summary, indent=2))
    print(json.dumps(summary, indent=None if options.json else 2))
    if not options.keep:
        sandbox.down(options.host)
    return 0 if summary["passed"] else 3
