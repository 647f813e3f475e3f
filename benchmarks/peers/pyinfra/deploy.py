"""The small role: 6 packages, 9 templates, 3 services. What ansible/small.yml does, in pyinfra's words."""

from pathlib import Path

from pyinfra import host
from pyinfra.operations import apt, files, systemd

TEMPLATES = Path(__file__).parent.parent / "templates"
FILES = [
    "aliases", "main.cf", "master.cf", "virtual", "dovecot.conf", "users", "dkim_signing.conf",
    "worker-proxy.inc", "nftables.conf",
]  # fmt: skip

apt.packages(
    name="packages",
    packages=["postfix", "dovecot-core", "dovecot-imapd", "rspamd", "redis-server", "nftables"],
)
files.directory(name="folder", path="/etc/small-role", mode="755")
written = [
    files.template(
        name=name,
        src=str(TEMPLATES / f"{name}.j2"),
        dest=f"/etc/small-role/{name}",
        user="root",
        group="root",
        mode="644",
        mail_name=host.name,
        greeting=host.data.get("greeting", "ready"),
        message_size_limit=52428800,
        users=["alice", "bob", "carol"],
        ports=[25, 465, 587, 143, 993],
    )
    for name in FILES
]
for unit in ("postfix", "dovecot", "rspamd"):
    systemd.service(name=unit, service=unit, running=True, enabled=True)
systemd.service(
    name="reload dovecot",
    service="dovecot",
    reloaded=True,
    _if=lambda: any(operation.did_change() for operation in written),
)
