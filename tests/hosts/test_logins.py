"""Each way to log in that `test-connection` speaks, on Dovecot 2.3 and 2.4 and Postfix, right and wrong.

Tokens are checked at an introspection endpoint on the host (`oauth_endpoint.pl`).
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
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
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = /srv/lab/oauth2
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
passdb oauth2 {{
  mechanisms_filter = oauthbearer xoauth2
}}
!include /srv/lab/oauth2
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
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2
auth_failure_delay = 0
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0660
    user = postfix
  }}
}}
"""
OAUTH = """introspection_mode = post
introspection_url = http://127.0.0.1:8089/
username_attribute = username
active_attribute = active
active_value = true
scope = mail"""
"""Of the passdb that asks an endpoint about tokens; 2.3 has it in a file of its own, 2.4 in a block."""
_ENDED = ".".join(
    urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", b'{"exp": 1700000000}', b"signature")
)
TOKENS = {
    "token": "right.1f17b1804b1",
    "long-token": "right." + "x" * 3000,
    "expired-token": "expired.1f17b1804b1",
    "ended-token": _ENDED,
    "narrow-token": "narrow.1f17b1804b1",
    "other-token": "other.1f17b1804b1",
    "broken-token": "broken.1f17b1804b1",
}
ENDPOINT = Path(__file__).with_name("oauth_endpoint.pl")
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
for port in 587 993 995 4190 8089; do
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
    settings = f"oauth2 {{\n{OAUTH}\n}}" if mail_host.release == "trixie" else OAUTH
    succeed(mail_host, f"mkdir -p /srv/lab; cat > /srv/lab/oauth2 <<'END'\n{settings}\nEND")
    endpoint = f"cat > /srv/lab/endpoint.pl <<'END'\n{ENDPOINT.read_text()}\nEND"
    succeed(mail_host, f"{endpoint}\nsystemd-run -q --unit=endpoint perl /srv/lab/endpoint.pl 8089")
    succeed(mail_host, f"set -e; {{ {setup}\n}} 2>&1 <<'END'\n{body}\nEND")
    folder = tmp_path_factory.mktemp("logins")
    (folder / "root.pem").write_text(succeed(mail_host, "cat /srv/lab/cert.pem"))
    (folder / "right").write_text(PASSWORD + "\n")
    (folder / "wrong").write_text(PASSWORD + "2\n")
    for name, token in TOKENS.items():
        (folder / name).write_text(token + "\n")
    yield Server(mail_host.address, folder)


def login(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, user: str, mechanism: str, secret: str
) -> tuple[int, dict]:  # type: ignore[type-arg]
    """Exit code, and the step of the login."""
    command = ["test-connection", f"{server.address}:{port}", "--user", f"{user}@lab.test", "--json"]
    option = "--token-file" if "token" in secret else "--password-file"
    command += [option, str(server.folder / secret), "--timeout", "20"]
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


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [*PORTS, 4190])
@pytest.mark.parametrize(
    ("mechanism", "token"), [("OAUTHBEARER", "token"), ("XOAUTH2", "token"), ("OAUTHBEARER", "long-token")]
)
def test_a_token_is_taken_in_place_of_a_password(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, mechanism: str, token: str
) -> None:
    code, step = login(server, capsys, port, "plain", mechanism, token)

    assert (code, step["detail"]) == (0, f"{mechanism} as plain@lab.test")


def test_the_standard_way_is_chosen_for_a_token(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    _, step = login(server, capsys, 993, "plain", "", "token")

    assert step["detail"].startswith("OAUTHBEARER ")


@pytest.mark.parametrize(
    ("port", "token", "kind"),
    [
        *((port, "expired-token", "token-refused") for port in (*PORTS, 4190)),
        (993, "ended-token", "token-expired"),
        (993, "other-token", "token-refused"),
    ],
)
def test_a_token_that_is_not_taken_is_explained(
    server: Server, capsys: pytest.CaptureFixture[str], port: int, token: str, kind: str
) -> None:
    code, step = login(server, capsys, port, "plain", "", token)

    assert (code, step["means"]["kind"]) == (3, kind), step
    assert TOKENS[token] not in str(step)


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize(
    ("token", "kind"), [("narrow-token", "token-scope"), ("broken-token", "login-unavailable")]
)
def test_a_token_without_the_right_and_one_that_can_t_be_checked_are_told_apart(
    server: Server,
    mail_host: SandboxHost,
    capsys: pytest.CaptureFixture[str],
    mechanism: str,
    token: str,
    kind: str,
) -> None:
    """Dovecot 2.3 calls a token without the right an invalid one."""
    if mail_host.release == "bookworm" and kind == "token-scope":
        kind = "token-refused"

    code, step = login(server, capsys, 993, "plain", mechanism, token)

    assert (code, step["means"]["kind"]) == (3, kind), step


@pytest.mark.parametrize(("mechanism", "status"), [("OAUTHBEARER", "invalid_token"), ("XOAUTH2", "401")])
def test_what_the_server_says_of_a_refused_token_is_shown(
    server: Server, capsys: pytest.CaptureFixture[str], mechanism: str, status: str
) -> None:
    _, step = login(server, capsys, 993, "plain", mechanism, "expired-token")

    _, challenge = step["detail"].split("\n")
    assert json.loads(challenge)["status"] == status
    assert f"status {status}" in step["means"]["says"]
