"""Each way to log in that `test-connection` speaks, on Dovecot 2.3 and 2.4 and Postfix, right and wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import succeed

PASSWORD = "rïght, hörse=1"
SCHEMES = {"plain": "PLAIN", "sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256", "cram": "CRAM-MD5"}
"""Local part → the form in which Dovecot keeps the password."""
OLD = """
protocols = imap pop3 sieve
ssl_cert = </srv/lab/cert.pem
ssl_key = </srv/lab/key.pem
passdb {{
  driver = passwd-file
  args = username_format=%u /srv/lab/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/srv/mail/%u
}}
mail_location = maildir:~/mail
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
NEW = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap pop3 sieve
ssl_server_cert_file = /srv/lab/cert.pem
ssl_server_key_file = /srv/lab/key.pem
passdb passwd-file {{
  passwd_file_path = /srv/lab/users
}}
userdb static {{
  fields {{
    uid = vmail
    gid = vmail
    home = /srv/mail/%{{user}}
  }}
}}
mail_driver = maildir
mail_path = ~/mail
"""
BOTH = """
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0660
    user = postfix
  }}
}}
"""
SETUP = """
mkdir -p /srv/lab && cd /srv/lab && useradd -r -m -d /srv/mail vmail
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mail.lab -addext subjectAltName=IP:{address} \
    -keyout key.pem -out cert.pem 2>/dev/null
cat > /etc/dovecot/dovecot.conf
for line in {lines}; do
    echo "${{line%%:*}}@lab.test:$(doveadm pw -s "${{line#*:}}" -p '{password}'):::::"
done > users
postconf -e mydestination=lab.test inet_protocols=ipv4 \
    'smtpd_tls_chain_files=/srv/lab/key.pem, /srv/lab/cert.pem' \
    smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth smtpd_tls_auth_only=yes
postconf -M '587/inet=587 inet n - n - - smtpd'
postconf -P 587/inet/smtpd_sasl_auth_enable=yes 587/inet/smtpd_tls_security_level=encrypt
systemctl restart dovecot postfix
for port in 587 993 995 4190; do
    for _ in $(seq 100); do ss -Hltn "sport = :$port" | grep -q . && continue 2; sleep 0.1; done
    echo "nothing listens on $port" >&2; exit 1
done
"""


@dataclass(frozen=True)
class Server:
    """A server, its authority and files with passwords."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def server(mail_host: SandboxHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Postfix and Dovecot with every mechanism, and a user for each form of password."""
    configuration = (NEW if mail_host.release == "trixie" else OLD) + BOTH
    lines = " ".join(f"{name}:{scheme}" for name, scheme in SCHEMES.items())
    setup = SETUP.format(address=mail_host.address, lines=lines, password=PASSWORD)
    body = configuration.format().strip()
    succeed(mail_host, f"set -e; {{ {setup}\n}} 2>&1 <<'END'\n{body}\nEND")
    folder = tmp_path_factory.mktemp("logins")
    (folder / "root.pem").write_text(succeed(mail_host, "cat /srv/lab/cert.pem"))
    (folder / "right").write_text(PASSWORD + "\n")
    (folder / "wrong").write_text(PASSWORD + "2\n")
    yield Server(mail_host.address, folder)


def login(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, user: str, mechanism: str, password: str
) -> tuple[int, dict]:  # type: ignore[type-arg]
    """Exit code, and the step of the login."""
    command = ["test-connection", f"{server.address}:{port}", "--user", f"{user}@lab.test", "--json"]
    command += ["--password-file", str(server.folder / password), "--timeout", "20"]
    command += ["--authorities", str(server.folder / "root.pem")]
    code = run([*command, "--mechanism", mechanism] if mechanism else command)
    (connection,) = json.loads(capsys.readouterr().out)["connections"]
    return code, next(step for step in connection["steps"] if step["step"] == "login")


PORTS = (587, 993, 995)
WAYS = [
    ("plain", "PLAIN"), ("plain", "LOGIN"), ("plain", "CRAM-MD5"), ("plain", "SCRAM-SHA-1"),
    ("plain", "SCRAM-SHA-256"), ("sha1", "SCRAM-SHA-1"), ("sha1", "PLAIN"), ("sha256", "SCRAM-SHA-256"),
    ("sha256", "PLAIN"), ("cram", "CRAM-MD5"),
]  # fmt: skip


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(("user", "mechanism"), WAYS)
def test_the_right_password_is_taken(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, user: str, mechanism: str
) -> None:
    code, step = login(server, capsys, port, user, mechanism, "right")

    assert (code, step["step"], step["detail"]) == (0, "login", f"{mechanism} as {user}@lab.test")


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_wrong_password_is_called_one(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, mechanism: str
) -> None:
    code, step = login(server, capsys, port, "plain", mechanism, "wrong")

    assert (code, step["step"], step["means"]["kind"]) == (3, "login", "login-wrong")


@pytest.mark.parametrize("port", PORTS)
def test_scram_is_chosen_before_a_way_that_shows_the_password(
    server: Server, capsys: pytest.CaptureFixture[str], port: int
) -> None:
    _, step = login(server, capsys, port, "sha256", "", "right")

    assert step["detail"].startswith("SCRAM-SHA-256 ")


@pytest.mark.parametrize("port", PORTS)
def test_a_password_kept_in_another_form_than_the_best_way_needs_is_no_wrong_password(
    server: Server, capsys: pytest.CaptureFixture[str], port: int
) -> None:
    code, step = login(server, capsys, port, "sha1", "", "right")

    assert (code, step["outcome"], step["means"]["kind"]) == (0, "warning", "login-by-plain-only")


def test_a_wrong_password_stays_wrong_by_the_second_way(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    code, step = login(server, capsys, 993, "sha1", "", "wrong")

    assert (code, step["means"]["kind"]) == (3, "login-wrong")


@pytest.mark.parametrize(("password", "code"), [("right", 0), ("wrong", 3)])
def test_managesieve_takes_plain(
    server: Server, capsys: pytest.CaptureFixture[str], password: str, code: int
) -> None:
    found, step = login(server, capsys, 4190, "sha256", "PLAIN", password)

    assert (found, step["step"]) == (code, "login")


@pytest.mark.parametrize(("port", "mechanism"), [(995, "USER"), (993, "COMMAND")])
def test_the_login_commands_of_imap_and_pop3(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, mechanism: str
) -> None:
    assert login(server, capsys, port, "sha256", mechanism, "right")[0] == 0
    assert login(server, capsys, port, "sha256", mechanism, "wrong")[0] == 3
