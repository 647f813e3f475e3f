"""`~/.ssh/config` is read as OpenSSH reads it; `ssh -G` is the oracle where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.hosts.ssh_config import load_config
from provisioner.hosts.ssh_lookup import SshValues, matches

CONFIG = """\
# the first value wins
Host mx1 mx1.example.org !mx1.test
    HostName 192.0.2.10
    User anna
    Port = 2222
    IdentityFile ~/.ssh/mail
    IdentityFile ~/.ssh/%h-%r
    IdentitiesOnly yes
    HostKeyAlias mail-one

Host *.inner
    HostName %h.example.org
    ProxyJump bastion.example.org:2200,second
    User inner

Host through
    ProxyCommand nc -x 127.0.0.1:1080 %h %p
    ProxyJump never-used

Match host 192.0.2.10 user anna
    UserKnownHostsFile ~/.ssh/known_mail "~/.ssh/known more"
    StrictHostKeyChecking accept-new

Match originalhost via-match !localuser nobody-at-all
    Port 99

Match final host *.example.org
    CertificateFile ~/.ssh/late-cert.pub

Include extra/*.conf

Host *
    User fallback
    IdentityFile ~/.ssh/general
    AddressFamily inet
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The configuration above, with a file for it to include."""
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "a.conf").write_text("Host included\n  Port 4022\n")
    path = tmp_path / "config"
    path.write_text(CONFIG.replace("extra/", f"{tmp_path}/extra/"))
    return path


def values(path: Path, host: str, user: str | None = None, **overrides: str) -> SshValues:
    """What the file says about `host`."""
    return load_config(path, None).values(host, overrides=overrides, user=user)


def ask_ssh(path: Path, host: str, *options: str) -> dict[str, list[str]]:
    """What `ssh -G` makes of the same file."""
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    done = subprocess.run(
        ["ssh", "-G", "-F", str(path), *options, host], capture_output=True, text=True, check=True, timeout=20
    )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


@pytest.mark.parametrize(
    "host", ["mx1", "mx1.example.org", "mx1.test", "a.inner", "included", "elsewhere", "via-match", "through"]
)
def test_every_value_is_what_ssh_itself_would_use(config_file: Path, host: str) -> None:
    said = ask_ssh(config_file, host)

    found = values(config_file, host)

    home = str(Path.home())
    assert found.hostname in (said["hostname"][0], None)
    assert (found.hostname or host) == said["hostname"][0]
    assert found.user == said["user"][0]
    assert (found.port or 22) == int(said["port"][0])
    assert found.identities_only == (said["identitiesonly"][0] == "yes")
    assert found.host_key_alias == said.get("hostkeyalias", [None])[0]
    assert found.proxy_jump == said.get("proxyjump", [None])[0]
    # OpenSSH replaces tokens of key files only when it opens them.
    assert len(found.identity_files) == len(said["identityfile"])
    assert [p.name for p in found.certificate_files] == [
        Path(name).name for name in said.get("certificatefile", [])
    ]
    assert all(str(path).startswith(home) for path in found.identity_files)
    assert found.accepts_new_keys == (said["stricthostkeychecking"][0] == "accept-new")


def test_tokens_are_replaced_in_key_files_and_commands(config_file: Path) -> None:
    assert values(config_file, "mx1").identity_files[:2] == (
        Path("~/.ssh/mail").expanduser(),
        Path("~/.ssh/192.0.2.10-anna").expanduser(),
    )
    assert values(config_file, "through").proxy_command == "nc -x 127.0.0.1:1080 through 22"


def test_a_proxy_command_that_comes_first_rules_a_jump_host_out(config_file: Path) -> None:
    assert values(config_file, "through").proxy_jump is None


def test_an_option_of_the_inventory_beats_the_file(config_file: Path) -> None:
    assert values(config_file, "mx1", port="2022", proxyjump="other").port == 2022
    assert values(config_file, "mx1", proxyjump="other").proxy_jump == "other"


def test_the_files_of_known_hosts_may_hold_spaces(config_file: Path) -> None:
    assert values(config_file, "mx1").user_known_hosts == (
        Path("~/.ssh/known_mail").expanduser(),
        Path("~/.ssh/known more").expanduser(),
    )


def test_a_match_on_the_user_sees_the_user_that_the_inventory_decided(config_file: Path) -> None:
    assert values(config_file, "mx1").accepts_new_keys
    assert not values(config_file, "mx1", user="root").accepts_new_keys


def test_match_exec_asks_the_command(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('Match exec "test %h = good"\n  Port 1\nMatch exec "false"\n  User never\n')

    assert values(path, "good").port == 1
    assert values(path, "bad").port is None
    assert values(path, "good").user is None


def test_an_include_inside_a_block_counts_only_for_that_block(tmp_path: Path) -> None:
    (tmp_path / "inner").write_text("Port 77\n")
    path = tmp_path / "config"
    path.write_text(f"Host a\n  Include {tmp_path}/inner\n")

    assert values(path, "a").port == 77
    assert values(path, "b").port is None


def test_a_file_that_includes_itself_is_an_error_and_no_hang(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"Include {path}\n")

    with pytest.raises(InputError, match="included from itself"):
        values(path, "a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Port nine", "`nine` is no port"),
        ("Port", "no ssh_config line"),
        ("Match address 1.2.3.4\n  Port 1", "Match criterion `address`"),
        ('IdentityFile "unfinished', "unfinished"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config"
    path.write_text("\n" + text + "\n")

    with pytest.raises(InputError, match=words) as caught:
        values(path, "a")

    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.line) == (str(path), 2)


@pytest.mark.parametrize(
    ("patterns", "text", "fits"),
    [
        ("*.example.org", "mx1.example.org", True),
        ("*.example.org,!mx1*", "mx1.example.org", False),
        ("!mx1*", "other", False),
        ("mx?", "MX1", True),
        ("[10.0.0.1]:22", "[10.0.0.1]:22", True),
        ("[ab]", "a", False),
    ],
)
def test_patterns_match_as_in_ssh_config(patterns: str, text: str, fits: bool) -> None:
    assert matches(patterns, text) is fits


def test_none_turns_agent_command_and_jump_off(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host a\n  ProxyCommand none\n  IdentityAgent none\nHost *\n  ProxyJump bastion\n")

    found = values(path, "a")

    assert (found.proxy_command, found.proxy_jump, found.identity_agent) == (None, None, None)
    assert values(path, "b").proxy_jump == "bastion"
