"""SSH to real sshds: who is trusted, who is let in, how root is reached, and what each failure says."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioner.errors import AuthenticationError, HostKeyError, NotTouched
from provisioner.hosts.channels import Exchange
from provisioner.hosts.connection import (
    Become,
    Connection,
    ConnectionLost,
    ConnectionOptions,
    ForwardingForbidden,
    Settings,
    TimedOut,
    TooMuchOutput,
    connect,
    connection_settings,
)
from provisioner.inventory.model import Host
from provisioner.sandbox import SandboxHost

UNREACHABLE = "198.51.100.1"  # TEST-NET-2 (RFC 5737)


@pytest.fixture
def settings(debian_host: SandboxHost, tmp_path: Path) -> Settings:
    """The way to root on the host, its key on record."""
    (tmp_path / "known_hosts").write_text(debian_host.known_hosts)
    options = ConnectionOptions(
        timeout=10,
        ssh_key=debian_host.key,
        ssh_config=None,
        system_ssh_config=None,
        user_known_hosts=(),
        agent=False,
    )
    variables = {
        "ansible_host": debian_host.address,
        "ansible_port": debian_host.port,
        "ansible_user": "root",
    }
    return connection_settings(Host("target", variables, variables), options, tmp_path)


def as_root(settings: Settings, script: str) -> str:
    """Run a script on the host, to prepare it."""
    with connect(settings) as connection:
        result = connection.run("set -e\n" + script)
    assert result.status == 0, result.stderr.decode()
    return result.stdout.decode()


def user(settings: Settings, name: str, sudoers: str = "", password: str = "") -> Settings:
    """The way to a user of its own, who logs in with the same key."""
    as_root(
        settings,
        f"id {name} >/dev/null 2>&1 || useradd -m -s /bin/bash {name}\n"
        f"install -d -m 700 -o {name} /home/{name}/.ssh\n"
        f"install -m 600 -o {name} /root/.ssh/authorized_keys /home/{name}/.ssh/\n"
        f"echo '{name}:{password or 'unused-0'}' | chpasswd\n"
        f"rm -f /etc/sudoers.d/{name}\n"
        + (f"echo '{sudoers}' > /etc/sudoers.d/{name}; chmod 440 /etc/sudoers.d/{name}\n" if sudoers else ""),
    )
    return replace(settings, user=name)


def new_key(folder: Path, name: str = "key", *options: str) -> Path:
    """A new key pair."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-C", name, "-f", str(path), *(options or ("-t", "ed25519", "-N", ""))]
    subprocess.run(command, check=True)
    return path


def allow(settings: Settings, key: Path) -> None:
    """Let a key in as root."""
    as_root(settings, f"echo '{Path(f'{key}.pub').read_text().strip()}' >> /root/.ssh/authorized_keys")


# --- exchanges --------------------------------------------------------------------------------


def test_a_script_gets_its_input_and_its_status_and_both_outputs_come_back(settings: Settings) -> None:
    with connect(settings) as connection:
        result = connection.run('cat; echo "$0" >&2; exit 3', b"a\0b\n", argv0="provision-read")

    assert (result.status, result.stdout, result.stderr) == (3, b"a\0b\n", b"provision-read\n")
    assert connection.round_trips == 1


def test_a_script_that_never_reads_its_input_is_no_lost_connection(settings: Settings) -> None:
    with connect(settings) as connection:
        assert connection.run("exit 4", b"x" * 60_000).status == 4
        assert connection.run("exit 5", b"x" * 8_000_000).status == 5


def test_large_input_and_large_output_do_not_wait_for_each_other(settings: Settings) -> None:
    data = bytes(range(256)) * 40_000

    with connect(settings) as connection:
        result = connection.run("head -c 100000 /dev/zero >&2; cat", data, timeout=60)

    assert result.stdout == data
    assert len(result.stderr) == 100_000


def test_a_conversation_goes_line_by_line(settings: Settings) -> None:
    script = 'while read -r line; do echo "got $line"; done; echo bye >&2; exit 7'

    with connect(settings) as connection, connection.start(script, b"one\n") as exchange:
        lines = exchange.lines(5)
        first = next(lines)
        exchange.send("two\n")
        second = next(lines)
        exchange.close_stdin()
        result = exchange.result()

    assert (first, second, result.status, result.stderr) == ("got one", "got two", 7, b"bye\n")


def test_exchanges_run_side_by_side_over_one_connection(settings: Settings) -> None:
    results: dict[int, bytes] = {}

    with connect(settings) as connection:
        threads = [
            threading.Thread(
                target=lambda n=n: results.update({n: connection.run(f"sleep 0.1; echo {n}").stdout})
            )
            for n in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert results == {n: f"{n}\n".encode() for n in range(6)}


def test_output_without_end_is_cut_off_with_an_error(settings: Settings) -> None:
    with connect(settings) as connection, pytest.raises(TooMuchOutput, match="more than 100 KiB"):
        connection.run("yes", limit_bytes=100 * 1024)


def test_a_line_without_end_is_cut_off_with_an_error(settings: Settings) -> None:
    with (
        connect(settings) as connection,
        connection.start("cat /dev/zero") as exchange,
        pytest.raises(TooMuchOutput),
    ):
        next(exchange.lines(10))


def test_a_silent_script_ends_at_the_time_limit(settings: Settings) -> None:
    begun = time.monotonic()

    with connect(settings) as connection, pytest.raises(TimedOut):
        connection.run("sleep 60", timeout=1)

    assert time.monotonic() - begun < 60


def test_output_that_trickles_does_not_outlast_the_limit_of_the_whole(settings: Settings) -> None:
    begun = time.monotonic()

    with connect(settings) as connection, pytest.raises(TimedOut):
        connection.run("while :; do echo x; sleep 0.1; done", timeout=1)

    assert time.monotonic() - begun < 60


def test_a_command_ended_by_a_signal_counts_as_a_lost_connection(settings: Settings) -> None:
    with connect(settings) as connection, pytest.raises(ConnectionLost):
        connection.run("kill -KILL $$")


def test_a_session_that_the_host_kills_counts_as_a_lost_connection(settings: Settings) -> None:
    with connect(settings) as connection, pytest.raises(ConnectionLost):
        connection.run("echo half; sleep 0.2; kill -KILL $PPID; sleep 5")


def test_what_a_shell_s_start_up_files_print_is_no_part_of_the_answer(settings: Settings) -> None:
    noisy = user(settings, "noisy", "noisy ALL=(ALL) NOPASSWD: ALL")
    as_root(settings, "sed -i '1i echo WELCOME; echo noise >&2' /home/noisy/.bashrc")

    with connect(replace(noisy, become=Become())) as connection:
        result = connection.run("echo answer")

    assert result.stdout == b"answer\n"


@pytest.mark.parametrize("shell", ["/bin/dash", "/usr/bin/bash"])
def test_the_command_suits_any_login_shell(settings: Settings, shell: str) -> None:
    other = user(settings, "shells", "shells ALL=(ALL) NOPASSWD: ALL")
    as_root(settings, f"usermod -s {shell} shells")

    with connect(replace(other, become=Become())) as connection:
        assert connection.run("id -u").stdout == b"0\n"


def test_an_account_without_a_shell_says_so(settings: Settings) -> None:
    closed = user(settings, "closed")
    as_root(settings, "usermod -s /usr/sbin/nologin closed")

    with connect(closed) as connection, pytest.raises(NotTouched, match="cannot run commands") as caught:
        connection.run("echo never")

    assert any("not available" in line for line in caught.value.evidence)


def test_an_account_that_is_closed_before_it_is_written_to_says_so_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = user(settings, "closed")
    as_root(settings, "usermod -s /usr/sbin/nologin closed")

    def late(exchange: Exchange, data: bytes) -> None:
        while not exchange.ended:
            time.sleep(0.01)
        write(exchange, data)

    write = Exchange.write
    monkeypatch.setattr(Exchange, "write", late)
    with connect(closed) as connection:
        with pytest.raises(NotTouched, match="cannot run commands"):
            connection.run("echo never")
        with pytest.raises(NotTouched, match="cannot run commands"):
            connection.start("echo never", b"input")


def test_a_port_of_the_host_s_own_is_reached_through_it(settings: Settings, debian_host: SandboxHost) -> None:
    with connect(settings) as connection:
        channel = connection.open_tcp("127.0.0.1", 22, 5)
        banner = channel.recv(100)
        with pytest.raises(ConnectionRefusedError):
            connection.open_tcp("127.0.0.1", 1, 5)
        unix = connection.open_unix("/run/systemd/private", 5)
        with pytest.raises(ConnectionRefusedError):
            connection.open_unix("/run/nothing", 5)
        again = connection.run("echo still here")

    assert banner.startswith(b"SSH-2.0-")
    assert unix is not None
    assert again.stdout == b"still here\n"


def test_a_host_that_forwards_nothing_says_so(settings: Settings, sshd: Sshd) -> None:
    sshd.set("DisableForwarding yes")

    with connect(sshd.settings) as connection, pytest.raises(ForwardingForbidden):
        connection.open_tcp("127.0.0.1", 22, 5)


# --- an sshd with settings of its own ---------------------------------------------------------


@dataclass
class Sshd:
    """A second sshd on the host, whose configuration a test decides."""

    root: Settings
    settings: Settings

    def set(self, *lines: str) -> None:
        """Start it with these lines."""
        text = "\\n".join(["Port 2200", "PidFile /run/second-sshd.pid", "UsePAM yes", *lines])
        as_root(
            self.root,
            "listening() { ss -Hltn 'sport = :2200' | grep -q .; }\n"
            "mkdir -p /run/sshd; kill $(cat /run/second-sshd.pid 2>/dev/null) 2>/dev/null || :\n"
            f"printf '{text}\\n' > /run/second-sshd.conf\n"
            "while listening; do sleep 0.05; done\n"
            "/usr/sbin/sshd -f /run/second-sshd.conf\n"
            "until listening; do sleep 0.05; done",
        )


@pytest.fixture
def sshd(settings: Settings, debian_host: SandboxHost) -> Iterator[Sshd]:
    """The host's second sshd, at port 2200, with the same host keys on record."""
    if debian_host.port != 22:
        pytest.skip("this driver forwards one port only")
    lines = [
        f"[{debian_host.address}]:2200 " + line.split(" ", 1)[1]
        for line in debian_host.known_hosts.splitlines()
        if line.strip()
    ]
    settings.known_hosts.write_text("\n".join(lines) + "\n" + settings.known_hosts.read_text())
    second = Sshd(settings, replace(settings, port=2200))
    second.set()
    yield second
    as_root(settings, "kill $(cat /run/second-sshd.pid)")


# --- whom we trust ----------------------------------------------------------------------------


def test_an_unknown_host_is_not_touched(settings: Settings) -> None:
    settings.known_hosts.unlink()

    with pytest.raises(HostKeyError, match="unknown") as caught:
        connect(settings)

    assert caught.value.exit_code == 5
    assert "SHA256:" in caught.value.evidence[0]
    assert not settings.known_hosts.exists()


def test_trust_on_first_use_holds_from_then_on(settings: Settings) -> None:
    settings.known_hosts.unlink()

    connect(replace(settings, trust_on_first_use=True)).close()
    connect(settings).close()

    assert settings.known_hosts.read_text().count("\n") == 1


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_host_known_by_one_kind_of_key_shows_that_kind(settings: Settings, kind: str) -> None:
    public = as_root(settings, f"cat /etc/ssh/ssh_host_{kind}_key.pub").split()
    settings.known_hosts.write_text(f"{settings.key_name} {public[0]} {public[1]}\n")

    connect(settings).close()


def test_a_changed_host_is_not_touched_whatever_is_asked(settings: Settings, tmp_path: Path) -> None:
    public = Path(f"{new_key(tmp_path, 'other')}.pub").read_text().split()
    settings.known_hosts.write_text(f"\n{settings.key_name} {public[0]} {public[1]} added by anna\n")

    with pytest.raises(HostKeyError, match="its host key changed") as caught:
        connect(replace(settings, trust_on_first_use=True))

    assert "known_hosts:2, added by anna" in caught.value.evidence[0]
    assert "provision hosts forget target" in caught.value.hint


def test_a_host_certificate_of_a_known_authority_is_enough(
    settings: Settings, sshd: Sshd, tmp_path: Path
) -> None:
    authority = new_key(tmp_path, "ca")
    (tmp_path / "host.pub").write_text(as_root(settings, "cat /etc/ssh/ssh_host_ed25519_key.pub"))
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-I", "x", "-h", "-n", settings.address, tmp_path / "host.pub"],
        check=True,
    )
    certificate = (tmp_path / "host-cert.pub").read_text().strip()
    as_root(settings, f"echo '{certificate}' > /run/host-cert.pub")
    sshd.set("HostKey /etc/ssh/ssh_host_ed25519_key", "HostCertificate /run/host-cert.pub")
    line = f"@cert-authority [{settings.address}]:* {Path(f'{authority}.pub').read_text()}"
    certified = replace(sshd.settings, known_hosts=tmp_path / "authorities")
    certified.known_hosts.write_text(line)

    connect(certified).close()

    certified.known_hosts.write_text(line.replace(settings.address, "192.0.2.99"))
    with pytest.raises(HostKeyError, match="unknown"):
        connect(certified)


# --- who lets us in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", ["-t rsa -b 2048", "-t ecdsa", "-t ecdsa -b 521", "-t ed25519", "-t rsa -m PEM"]
)
def test_every_kind_of_key_gets_in(settings: Settings, tmp_path: Path, options: str) -> None:
    key = new_key(tmp_path, "key", *options.split(), "-N", "")
    allow(settings, key)

    connect(replace(settings, keys=(key,))).close()


def test_a_passphrase_is_asked_for_once_and_only_where_someone_can_answer(
    settings: Settings, tmp_path: Path
) -> None:
    key = new_key(tmp_path, "locked", "-t", "ed25519", "-N", "open sesame")
    allow(settings, key)
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "wrong" if len(asked) == 1 else "open sesame"

    with pytest.raises(AuthenticationError) as caught:
        connect(replace(settings, keys=(key,)))
    assert any("needs a passphrase" in line for line in caught.value.evidence)

    connect(replace(settings, keys=(key,), ask_password=answer)).close()
    connect(replace(settings, keys=(key,), ask_password=answer)).close()
    assert asked == [f"Passphrase for {key}: "] * 2


def test_a_user_certificate_beside_the_key_gets_in(settings: Settings, sshd: Sshd, tmp_path: Path) -> None:
    authority, key = new_key(tmp_path, "ca"), new_key(tmp_path, "certified")
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", "root", f"{key}.pub"], check=True)
    as_root(settings, f"echo '{Path(f'{authority}.pub').read_text().strip()}' > /run/user-ca.pub")
    sshd.set("TrustedUserCAKeys /run/user-ca.pub")

    connect(replace(sshd.settings, keys=(key,))).close()

    Path(f"{key}-cert.pub").unlink()
    with pytest.raises(AuthenticationError):
        connect(replace(sshd.settings, keys=(new_key(tmp_path, "plain"),)))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """The socket of an agent of our own, empty."""
    path = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    for _ in range(100):
        if Path(path).exists():
            break
        time.sleep(0.02)
    yield path
    process.terminate()
    process.wait(5)


def add_to_agent(agent: str, key: Path) -> None:
    """Give the agent a key."""
    subprocess.run(
        ["ssh-add", "-q", str(key)], check=True, env={"SSH_AUTH_SOCK": agent, "PATH": "/usr/bin:/bin"}
    )


def test_the_agent_s_keys_get_in(settings: Settings, agent: str, tmp_path: Path) -> None:
    key = new_key(tmp_path, "held", "-t", "rsa", "-N", "")
    allow(settings, key)
    add_to_agent(agent, key)
    key.unlink()

    connect(replace(settings, keys=(), identities_only=False, agent=agent)).close()
    # The public half of a named key is enough to find it in the agent, and only it is offered.
    connect(replace(settings, keys=(Path(f"{key}.pub"),), agent=agent)).close()


def test_a_named_key_is_the_only_one_offered_though_the_agent_holds_seven(
    settings: Settings, agent: str, tmp_path: Path
) -> None:
    for number in range(7):
        add_to_agent(agent, new_key(tmp_path, f"wrong{number}"))

    connect(replace(settings, agent=agent)).close()


def test_a_wrong_key_is_refused_with_what_was_tried(settings: Settings, tmp_path: Path) -> None:
    key = new_key(tmp_path, "stranger")

    with pytest.raises(AuthenticationError, match="refused the login") as caught:
        connect(replace(settings, keys=(key,)))

    assert caught.value.exit_code == 5
    assert f"tried      {key}" in caught.value.evidence
    assert f"ssh-copy-id -i {key}.pub" in caught.value.hint


def test_a_key_file_that_is_not_there_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError) as caught:
        connect(replace(settings, keys=(tmp_path / "nowhere",)))

    assert any(f"{tmp_path}/nowhere does not exist" in line for line in caught.value.evidence)


def test_a_password_of_the_inventory_gets_in_and_a_wrong_one_does_not(settings: Settings) -> None:
    person = replace(user(settings, "byword", password="right horse"), keys=(), identities_only=False)

    with connect(replace(person, password="right horse")) as connection:
        assert connection.run("id -un", needs_root=False).stdout == b"byword\n"
    with pytest.raises(AuthenticationError) as caught:
        connect(replace(person, password="wrong horse"))

    assert "tried      password" in caught.value.evidence
    assert "horse" not in str(vars(caught.value))


def test_a_key_and_a_password_both_asked_for_get_in(settings: Settings, sshd: Sshd) -> None:
    person = user(settings, "twice", password="second factor")
    sshd.set("AuthenticationMethods publickey,password")

    connect(replace(person, port=2200, password="second factor")).close()


def test_a_server_that_asks_questions_instead_of_for_a_password_gets_the_password(
    settings: Settings, sshd: Sshd
) -> None:
    person = user(settings, "quizzed", password="the answer")
    sshd.set("PasswordAuthentication no", "KbdInteractiveAuthentication yes", "PubkeyAuthentication no")

    connect(replace(person, port=2200, keys=(), password="the answer")).close()


# --- becoming root ----------------------------------------------------------------------------


def test_a_user_without_sudo_is_told_to_become(settings: Settings) -> None:
    plain = user(settings, "plain")

    with connect(plain) as connection, pytest.raises(AuthenticationError, match="not as root") as caught:
        connection.run("echo never")

    assert "ansible_become: true" in caught.value.hint


def test_sudo_without_a_password_runs_as_root(settings: Settings) -> None:
    person = replace(user(settings, "free", "free ALL=(ALL) NOPASSWD: ALL"), become=Become())

    with connect(person) as connection:
        assert connection.run("id -u; cat", b"data").stdout == b"0\ndata"


def test_sudo_with_a_password_runs_as_root_again_and_again(settings: Settings) -> None:
    person = user(settings, "asked", "asked ALL=(ALL) ALL", "pass word")

    with connect(replace(person, become=Become(password="pass word"))) as connection:
        outputs = [connection.run("id -u; cat", b"data\n").stdout for _ in range(3)]

    assert outputs == [b"0\ndata\n"] * 3


def test_the_password_that_sudo_wants_is_asked_for_once_where_someone_can_answer(settings: Settings) -> None:
    name = f"typist{time.monotonic_ns()}"
    person = user(settings, name, f"{name} ALL=(ALL) ALL", "typed word")
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "typed word"

    for _ in range(2):
        with connect(replace(person, become=Become(), ask_password=answer)) as connection:
            assert connection.run("id -u; cat", b"data").stdout == b"0\ndata"
            assert connection.run("id -u; cat", b"data").stdout == b"0\ndata"

    assert asked == [f"sudo password of {person.user}: "]


def test_a_password_that_sudo_does_not_need_is_no_part_of_the_input(settings: Settings) -> None:
    person = user(settings, "unasked", "unasked ALL=(ALL) NOPASSWD: ALL", "pass word")

    with connect(replace(person, become=Become(password="pass word"))) as connection:
        outputs = [connection.run("cat", b"data\n").stdout for _ in range(2)]

    assert outputs == [b"data\n"] * 2


def test_the_password_is_in_no_process_s_arguments(settings: Settings) -> None:
    person = user(settings, "hidden", "hidden ALL=(ALL) ALL", "pass-word-0")

    with connect(replace(person, become=Become(password="pass-word-0"))) as connection:
        seen = connection.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ").stdout

    assert b"pass-word-0" not in seen
    assert b"sudo" in seen


@pytest.mark.parametrize(
    ("sudoers", "become", "words"),
    [
        ("who ALL=(ALL) ALL", Become(password="wrong"), "did not accept the password"),
        ("who ALL=(ALL) ALL", Become(), "wants a password"),
        ("", Become(password="right"), "may not use sudo"),
        ("Defaults:who requiretty\nwho ALL=(ALL) NOPASSWD: ALL", Become(), "insists on a terminal"),
    ],
    ids=["wrong password", "no password", "not in sudoers", "requiretty"],
)
def test_a_refusal_of_sudo_s_is_told_as_what_it_is(
    settings: Settings, sudoers: str, become: Become, words: str
) -> None:
    person = replace(user(settings, "who", sudoers, "right"), become=become)
    begun = time.monotonic()

    with connect(person) as connection, pytest.raises(AuthenticationError, match=words) as caught:
        connection.run("echo never")

    assert caught.value.hint
    assert time.monotonic() - begun < 60


def test_one_wrong_password_is_one_attempt_at_sudo_and_not_three(settings: Settings) -> None:
    person = user(settings, "once", "once ALL=(ALL) ALL", "right")
    begun = as_root(settings, "date +%s").strip()

    with connect(replace(person, become=Become(password="wrong"))) as connection:
        with pytest.raises(AuthenticationError):
            connection.run("echo never")
        time.sleep(1)

    log = as_root(settings, f"journalctl -q -o cat --since @{begun} _COMM=sudo")
    assert log.count("authentication failure") + log.count("incorrect password attempt") >= 1
    assert "3 incorrect" not in log


def test_a_host_without_sudo_says_so(settings: Settings) -> None:
    person = replace(user(settings, "bare", "bare ALL=(ALL) NOPASSWD: ALL"), become=Become())
    as_root(settings, "mv /usr/bin/sudo /usr/bin/sudo.away")
    try:
        with connect(person) as connection, pytest.raises(AuthenticationError, match="no sudo on the host"):
            connection.run("echo never")
    finally:
        as_root(settings, "mv /usr/bin/sudo.away /usr/bin/sudo")


# --- the way there ----------------------------------------------------------------------------


def test_a_jump_host_leads_on_and_is_checked_like_any_other(settings: Settings, sshd: Sshd) -> None:
    behind = replace(sshd.settings, address="127.0.0.1", host_key_alias=f"[{settings.address}]:2200")
    jump = replace(settings, name="bastion")

    with connect(replace(behind, jumps=(jump,))) as connection:
        assert connection.run("echo through").stdout == b"through\n"
    with connect(replace(behind, jumps=(jump, replace(behind, name="second")))) as connection:
        assert connection.run("echo twice").stdout == b"twice\n"

    empty = replace(jump, known_hosts=settings.known_hosts.with_name("empty"))
    with pytest.raises(HostKeyError, match="the jump host bastion of target: its host key is unknown"):
        connect(replace(behind, jumps=(empty,)))


def test_hosts_behind_one_jump_host_share_one_connection_to_it(settings: Settings, sshd: Sshd) -> None:
    jump = replace(settings, name="bastion")
    behind = replace(
        sshd.settings, address="127.0.0.1", host_key_alias=f"[{settings.address}]:2200", jumps=(jump,)
    )

    first, second = connect(behind), connect(behind)
    established = as_root(settings, "ss -Htn state established 'sport = :22' | wc -l")
    first.close()
    assert second.run("echo alive").stdout == b"alive\n"
    second.close()

    # The jump host's connection, and the one that is counting.
    assert int(established) == 2


def test_more_hosts_behind_a_jump_host_than_may_log_in_at_once_all_get_in(
    settings: Settings, sshd: Sshd
) -> None:
    jump = replace(settings, name="bastion", address=settings.address)
    behind = replace(
        sshd.settings,
        address="127.0.0.1",
        host_key_alias=f"[{settings.address}]:2200",
        jumps=(jump,),
        timeout=30,
    )
    connections: list[Connection] = []
    threads = [threading.Thread(target=lambda: connections.append(connect(behind))) for _ in range(12)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)

    assert len(connections) == 12
    for connection in connections:
        connection.close()


def test_a_jump_host_that_fails_is_named(settings: Settings, tmp_path: Path) -> None:
    jump = replace(settings, name="bastion")

    with pytest.raises(NotTouched, match=r"the jump host bastion cannot reach 127\.0\.0\.1:1"):
        connect(replace(settings, address="127.0.0.1", port=1, jumps=(jump,)))
    with pytest.raises(AuthenticationError, match=r"the jump host bastion of target: .* refused the login"):
        connect(replace(settings, jumps=(replace(jump, keys=(new_key(tmp_path, "stranger"),)),)))


def test_a_proxy_command_carries_the_connection(settings: Settings) -> None:
    script = (
        "import os,socket,sys,threading\n"
        "s=socket.create_connection((sys.argv[1],int(sys.argv[2])))\n"
        "def up():\n"
        " while d:=os.read(0,65536): s.sendall(d)\n"
        "threading.Thread(target=up,daemon=True).start()\n"
        "while d:=s.recv(65536): os.write(1,d)\n"
    )
    program = settings.known_hosts.with_name("proxy.py")
    program.write_text(script)

    with connect(replace(settings, proxy_command=f"python3 {program} %h %p")) as connection:
        assert connection.run("echo through").stdout == b"through\n"


def test_a_proxy_command_that_fails_is_shown_with_what_it_said(settings: Settings) -> None:
    with pytest.raises(NotTouched, match="the ProxyCommand of target ended") as caught:
        connect(replace(settings, proxy_command="sh -c 'echo no tunnel today >&2; exit 1' %h", timeout=3))

    assert "no tunnel today" in "\n".join(caught.value.evidence)


def serve(handle: Callable[[socket.socket], object]) -> tuple[int, socket.socket]:
    """A server on loopback that gives each connection to `handle`."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1], server


def test_a_port_where_nothing_listens_refuses(settings: Settings) -> None:
    with pytest.raises(NotTouched, match="refuses connections"):
        connect(replace(settings, address="127.0.0.1", port=1))


def test_a_name_that_does_not_resolve_is_named(settings: Settings) -> None:
    begun = time.monotonic()

    with pytest.raises(NotTouched, match=r"the name no-such-host\.invalid does not resolve"):
        connect(replace(settings, address="no-such-host.invalid", timeout=3))

    assert time.monotonic() - begun < 60


def test_a_server_that_says_nothing_ends_at_the_time_limit(settings: Settings) -> None:
    port, server = serve(lambda _: time.sleep(30))
    begun = time.monotonic()

    with pytest.raises(NotTouched, match="said nothing"):
        connect(replace(settings, address="127.0.0.1", port=port, timeout=1))

    server.close()
    assert time.monotonic() - begun < 60


def test_a_server_that_speaks_something_else_is_told_from_sshd(settings: Settings) -> None:
    port, server = serve(lambda peer: peer.sendall(b"220 mx1 ESMTP Postfix\r\n"))

    with pytest.raises(NotTouched, match="does not speak SSH") as caught:
        connect(replace(settings, address="127.0.0.1", port=port, timeout=5))

    assert caught.value.evidence == ("220 mx1 ESMTP Postfix",)

    server.close()


def test_dropped_connections_are_tried_again(settings: Settings, debian_host: SandboxHost) -> None:
    seen: list[socket.socket] = []

    def flaky(peer: socket.socket) -> None:
        seen.append(peer)
        if len(seen) < 4:
            peer.close()
            return
        upstream = socket.create_connection((debian_host.address, debian_host.port))
        threading.Thread(target=copy, args=(upstream, peer), daemon=True).start()
        copy(peer, upstream)

    port, server = serve(flaky)
    alias = settings.key_name

    connect(replace(settings, address="127.0.0.1", port=port, host_key_alias=alias)).close()

    server.close()
    assert len(seen) == 4


def test_a_server_that_drops_every_connection_is_given_up(settings: Settings) -> None:
    port, server = serve(lambda peer: peer.close())
    begun = time.monotonic()

    with pytest.raises(NotTouched, match="ends each connection before it begins"):
        connect(replace(settings, address="127.0.0.1", port=port, timeout=2))

    server.close()
    assert time.monotonic() - begun < 60


def copy(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes one way until either side ends."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_a_network_that_falls_silent_is_noticed(settings: Settings, debian_host: SandboxHost) -> None:
    silent = threading.Event()

    def mute(peer: socket.socket) -> None:
        upstream = socket.create_connection((debian_host.address, debian_host.port))
        threading.Thread(target=copy, args=(peer, upstream), daemon=True).start()
        while data := upstream.recv(65536):
            if not silent.is_set():
                peer.sendall(data)

    port, server = serve(mute)
    alias = settings.key_name

    with connect(replace(settings, address="127.0.0.1", port=port, host_key_alias=alias)) as connection:
        silent.set()
        with pytest.raises(TimedOut):
            connection.run("echo lost", timeout=1)
    server.close()


def test_thirty_connections_at_once_all_get_in(settings: Settings) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with connect(replace(settings, timeout=30)) as connection:
                assert connection.run("echo in").stdout == b"in\n"
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=work) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
