"""Servers set up by hand in six ways become inventories: nothing on them changes, nothing is lost in silence.

tests/hosts/adopt/ holds what their admins typed. Each server is made once and kept as a layer.
"""

from __future__ import annotations

import hashlib
import imaplib
import io
import json
import smtplib
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import Boot, booted, layer_of, mail_layer, succeed
from tests.hosts.conftest import MailServer
from tests.torture.mail import trust_nobody

SCRIPTS = Path(__file__).parent / "adopt"


@dataclass(frozen=True)
class Guide:
    """One way to set a server up, and somebody who has a mailbox there."""

    script: str
    release: str
    login: str = ""
    password: str = ""
    address: str = ""
    """Where mail for them arrives: an alias, a catch-all, another domain."""
    folders: tuple[str, ...] = ()
    """Where the mailboxes are."""
    rspamd: str = "purge"
    """What becomes of the Rspamd that the layer beneath has."""


GUIDES = (
    Guide(
        "flat_files",
        "bookworm",
        "anna@flat.test",
        "anna keeps bees",
        "info@flat.test",
        ("srv/vmail",),
        rspamd="remove",
    ),
    Guide(
        "internet_site",
        "bookworm",
        "carla",
        "carla climbs trees",
        "orders@shop.test",
        ("home", "var/mail"),
    ),
    Guide("satellite", "bookworm"),
    Guide(
        "mariadb",
        "bookworm",
        "gustav@db.test",
        "gustav grows figs",
        "whoever@db.test",
        ("var/mail/vhosts",),
    ),
    Guide("upgraded", "bookworm", "hugo", "hugo hums tunes", "boss@old.test", ("home",)),
    Guide(
        "dovecot24",
        "trixie",
        "jan@new.test",
        "jan juggles pins",
        "jan+post@new.test",
        ("srv/mail",),
        rspamd="keep",
    ),
)
WITH_MAILBOXES = [guide for guide in GUIDES if guide.login]


def layer(guide: Guide) -> str:
    """The server as its admin left it, with a message in the mailbox."""
    script = (SCRIPTS / f"{guide.script}.sh").read_bytes()
    digest = hashlib.sha256(script + repr(guide).encode()).hexdigest()[:10]

    def make(host: SandboxHost) -> None:
        if guide.rspamd != "keep":
            succeed(host, f"apt-get {guide.rspamd} -y -q rspamd redis-server 2>&1")
        succeed(host, f"echo {b64encode(script).decode()} | base64 -d >/root/setup.sh")
        succeed(host, "sh /root/setup.sh 2>&1", 600)
        if guide.login:
            succeed(host, f"printf 'Subject: old mail\\n\\nhello\\n' | sendmail -f '<>' {guide.login}")
            succeed(
                host,
                "for i in $(seq 100); do mailq | grep -q 'queue is empty' && exit; sleep 0.2; done; false",
            )

    return layer_of(
        guide.release, f"adopt-{guide.script.replace('_', '-')}-{digest}", make, mail_layer(guide.release)
    )


@dataclass
class Adopted:
    """A server, the folder that adopt wrote into, what it said, and what the server was before and after."""

    guide: Guide
    host: SandboxHost
    folder: Path
    code: int
    document: dict[str, Any]
    before: str
    after: str

    @property
    def report(self) -> str:
        """ADOPTED.md."""
        return (self.folder / "ADOPTED.md").read_text()

    @property
    def server(self) -> MailServer:
        """The same, to plan and apply."""
        return MailServer(self.host, self.folder)

    def notes(self, fate: str) -> str:
        """What of the server's had this fate."""
        return "\n".join(note["what"] for note in self.document["notes"] if note["fate"] == fate)


def state_of(host: SandboxHost) -> str:
    """Everything that a reader could have changed: /etc, packages, mailboxes, services, our own folder."""
    return succeed(
        host,
        "cd /; find etc srv/vmail srv/mail var/mail home -type f -exec sha256sum {} + 2>/dev/null | "
        "sort | sha256sum; "
        "find etc -printf '%p %m %u %g %T@\\n' | sort | sha256sum; dpkg-query -W | sha256sum; "
        "systemctl list-units --state=active --type=service --no-legend --plain | cut -d' ' -f1 | sort; "
        "ls /var/lib/provision 2>&1 || true",
    )


def command(*words: str) -> tuple[int, str, str]:
    """What a command exits with and prints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words)
    return code, out.getvalue(), err.getvalue()


def adopt(host: SandboxHost, folder: Path, *more: str) -> tuple[int, str, str]:
    """`provision adopt`, as an admin types it."""
    folder.mkdir(exist_ok=True)
    (folder / "known_hosts").write_text(host.known_hosts)
    target = f"root@{host.address}"
    return command("adopt", target, "--output", str(folder), "--ssh-key", str(host.key), *more)


@pytest.fixture(scope="module", params=GUIDES, ids=lambda guide: guide.script)
def adopted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adopted]:
    """Each server in turn, adopted."""
    guide: Guide = request.param
    with booted(guide.release, layer(guide)) as host:
        succeed(host, "systemctl is-system-running --wait >/dev/null || true")
        ready = "mysqladmin ping >/dev/null 2>&1 || ! command -v mariadbd >/dev/null"
        succeed(host, f"for i in $(seq 150); do {{ {ready}; }} && exit; sleep 0.2; done; false")
        folder = tmp_path_factory.mktemp(guide.script)
        before = state_of(host)
        code, out, err = adopt(host, folder, "--json")
        assert code == 0, out + err
        yield Adopted(guide, host, folder, code, json.loads(out), before, state_of(host))


def subjects(address: str, guide: Guide) -> list[str]:
    """The subjects in somebody's inbox, and in Junk: a sender without a name of its own is doubtful."""
    found = []
    with closing(imaplib.IMAP4_SSL(address, ssl_context=trust_nobody(), timeout=30)) as imap:
        imap.login(guide.login, guide.password)
        for folder in ("Junk", "INBOX.Junk", "INBOX"):
            if imap.select(folder, readonly=True)[0] != "OK":
                continue
            for number in imap.search(None, "ALL")[1][0].split():
                part = imap.fetch(number.decode(), "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0]
                found += [part[1].decode().strip()] if isinstance(part, tuple) else []
    return found


def send(address: str, recipient: str) -> None:
    """A message from another server."""
    with smtplib.SMTP(address, 25, local_hostname="mx.sender.test", timeout=60) as smtp:
        smtp.sendmail("", [recipient], "From: x@sender.test\r\nSubject: new mail\r\n\r\nhello\r\n")


def assert_old_mail_is_there_and_new_mail_arrives(address: str, guide: Guide) -> None:
    """The promise about mailboxes."""
    assert "Subject: old mail" in subjects(address, guide)
    send(address, guide.address)
    limit = time.monotonic() + 60
    while "Subject: new mail" not in subjects(address, guide):
        assert time.monotonic() < limit, "the new message did not arrive"
        time.sleep(0.3)


def test_nothing_on_the_server_changes_when_it_is_read(adopted: Adopted) -> None:
    assert adopted.after == adopted.before
    assert "No such file" in adopted.after.splitlines()[-1]


def test_no_password_hash_and_no_key_is_in_a_plain_file(adopted: Adopted) -> None:
    plain = [path for path in adopted.folder.rglob("*") if path.is_file() and path.name != "secrets.key"]
    for path in plain:
        text = path.read_text()
        assert "$6$" not in text and "$2y$" not in text and "$y$" not in text and "$1$" not in text, path
        assert "PRIVATE KEY" not in text and "seventeen blue kites" not in text, path
        assert adopted.guide.password not in text or not adopted.guide.password, path


def test_a_plan_right_after_shows_only_what_was_announced(adopted: Adopted) -> None:
    first = adopted.document["first_apply"]
    announced = {
        *(f"file:{path}" for path in first["files"]),
        *(f"package:{name}" for name in first["packages"]),
        *first["others"],
    }

    planned = adopted.server.plan()

    assert planned.plan is not None, planned.error
    changes = {change.resource for change in planned.plan.changes}
    assert changes <= announced
    assert {f"file:{path}" for path in first["files"]} <= changes, "what was announced does happen"


def test_after_the_apply_old_mail_is_read_with_the_old_password_and_new_mail_arrives(
    adopted: Adopted,
) -> None:
    before = parameters(adopted.host)

    code, out, err = command("apply", "--yes", "--no-verify", str(adopted.folder / "inventory.yml"))

    assert code == 0, out + err
    assert adopted.server.changes() == []
    if adopted.guide.login:
        assert_old_mail_is_there_and_new_mail_arrives(adopted.host.address, adopted.guide)
    named = {row["name"] for row in adopted.document["first_apply"]["settings"]}
    after = parameters(adopted.host)
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert changed <= named | OF_THE_MOMENT, "every parameter with another value was announced"


OF_THE_MOMENT = {"process_id"}
"""What Postfix says anew each time."""


def parameters(host: SandboxHost) -> dict[str, str]:
    """All parameters of Postfix as they are in effect, in one spelling."""
    lines = succeed(host, "postconf 2>/dev/null").splitlines()
    pairs = (line.partition(" =") for line in lines)
    return {
        name: " ".join(value.replace(",", " ").replace("$config_directory", "/etc/postfix").split())
        for name, _, value in pairs
    }


def test_what_does_not_fit_is_named_with_what_to_do(adopted: Adopted) -> None:
    lost, changed = adopted.notes("lost"), adopted.notes("changed")
    match adopted.guide.script:
        case "flat_files":
            assert "sales@other.test to anna@mx.flat.test" in lost
            assert "DKIM old._domainkey.other.test" in changed
            assert "2525/inet" in adopted.notes("override")
        case "internet_site":
            assert "alias archive: /var/log/archive.mbox" in lost
            assert "passdb pam" in changed
        case "satellite":
            assert "relayhost = [smart.sat.test]:587" in adopted.notes("override")
        case "mariadb":
            assert "sieve_before" in lost
            assert "password of gustav@db.test" in adopted.notes("override")
        case "upgraded":
            for sediment in (
                "message_size_limit twice",
                "smtpd_use_tls",
                "virtual_maps",
                "smtpd_helo_requierd",
            ):
                assert sediment in changed
            assert "main.cf.dpkg-old" in adopted.notes("kept")
        case "dovecot24":
            assert "jan@new.test" in adopted.report
            assert "s1._domainkey.new.test" in adopted.notes("kept")


@pytest.mark.parametrize("script", ["flat_files", "internet_site"])
def test_what_was_adopted_on_debian_12_comes_up_on_debian_13_with_the_same_mail(
    script: str, boot: Boot, tmp_path: Path
) -> None:
    (guide,) = (one for one in GUIDES if one.script == script)
    old = boot(guide.release, layer(guide))
    code, _, err = adopt(old, tmp_path)
    assert code == 0, err
    new = boot("trixie", mail_layer("trixie"))
    copy_folders(guide.folders, old, new)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(
        inventory.read_text()
        .replace(f"ansible_host: {old.address}", f"ansible_host: {new.address}")
        .replace(str(old.key), str(new.key))
    )
    (tmp_path / "known_hosts").write_text(new.known_hosts)

    code, out, err = command("apply", "--yes", "--no-verify", str(inventory))

    assert code == 0, out + err
    assert_old_mail_is_there_and_new_mail_arrives(new.address, guide)
    assert ports(old) & MAIL_PORTS <= ports(new)


MAIL_PORTS = {25, 110, 143, 465, 587, 993, 995, 2525}


def ports(host: SandboxHost) -> set[int]:
    """Ports that something listens on."""
    lines = succeed(host, "grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6").splitlines()
    return {int(line.split()[1].rpartition(":")[2], 16) for line in lines}


def copy_folders(folders: tuple[str, ...], old: SandboxHost, new: SandboxHost) -> None:
    """Mailboxes moved to another machine, as `rsync -aHAX --numeric-ids` does."""
    packed = succeed(old, f"tar -C / --numeric-owner -cf - {' '.join(folders)} | base64 -w0")
    succeed(new, f"echo {packed.strip()} | base64 -d | tar -C / --numeric-owner -xpf -")


def test_nothing_is_overwritten_without_being_told(boot: Boot, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("mine")

    code, _, err = command("adopt", "root@192.0.2.1", "--output", str(tmp_path))

    assert code == 2
    assert "is there already" in err
    assert (tmp_path / "inventory.yml").read_text() == "mine"


@pytest.mark.parametrize(
    ("release", "package", "name"),
    [("bookworm", "exim4-daemon-light", "Exim 4."), ("trixie", "opensmtpd", "OpenSMTPD 7.")],
)
def test_another_mail_server_is_named_and_nothing_is_written(
    release: str, package: str, name: str, boot: Boot, tmp_path: Path
) -> None:
    def install(host: SandboxHost) -> None:
        update = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q"
        succeed(host, f"{{ {update} --no-install-recommends {package}; }} 2>&1")

    host = boot(release, layer_of(release, f"only-{package}", install))

    code, _, err = adopt(host, tmp_path / "out")

    assert code == 3
    assert name in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["known_hosts"]


def test_the_inventory_reads_well(adopted: Adopted) -> None:
    document = yaml.load((adopted.folder / "inventory.yml").read_text(), _Loader)

    (name,) = document["all"]["hosts"]
    assert document["all"]["vars"]["mail_hostname"] == name
    assert len((adopted.folder / "inventory.yml").read_text().splitlines()) < 130


class _Loader(yaml.SafeLoader):
    """With the tag of texts that are no templates."""


def _unsafe(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


_Loader.add_constructor("!unsafe", _unsafe)
