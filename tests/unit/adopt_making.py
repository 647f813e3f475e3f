"""Servers for the tests of `adopt`, made of a few lines of configuration each."""

from __future__ import annotations

from provisioner.adopt.dovecot_text import parse as parse_dovecot
from provisioner.adopt.postfix_text import parameters
from provisioner.adopt.seen import Seen, Table

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "vmail:x:5000:5000::/srv/vmail:/usr/sbin/nologin\n"
    "carla:x:1000:1000::/home/carla:/bin/bash\n"
    "dora:x:1001:1001::/home/dora:/bin/bash\n"
)
GROUP = "root:x:0:\nmail:x:8:\nvmail:x:5000:\ncarla:x:1000:\ndora:x:1001:\n"
SHADOW = "carla:$y$j9T$abc$def\ndora:!\n"
DEFAULTS = (
    "myhostname = localhost\nmydestination = $myhostname, localhost\nmessage_size_limit = 10240000\n"
    "virtual_alias_domains = $virtual_alias_maps\nvirtual_alias_maps =\nbiff = yes\nalias_maps = "
    "hash:/etc/aliases\n"
)


def server(
    main_cf: str,
    dovecot: str = "",
    *,
    master_cf: str = "",
    files: dict[str, str] | None = None,
    packages: str = "postfix dovecot-core",
    tables: tuple[Table, ...] = (),
    there: dict[str, str] | None = None,
    **outputs: str,
) -> Seen:
    """A Debian 12 that answered so."""
    explicit = "".join(f"{name} = {value}\n" for name, value, _ in parameters(main_cf))
    installed = "".join(f"{name} 3.7.11-0+deb12u1 installed\n" for name in packages.split())
    texts = {
        "/etc/os-release": "VERSION_CODENAME=bookworm\n",
        "/etc/postfix/main.cf": main_cf,
        "/etc/postfix/master.cf": master_cf,
        **(files or {}),
    }
    said = {
        "packages": installed,
        "passwd": PASSWD,
        "group": GROUP,
        "shadow": SHADOW,
        "postconf-n": explicit,
        "postconf-expanded": explicit,
        "postconf-all": DEFAULTS + explicit,
        "postconf-default": DEFAULTS,
        "doveconf": dovecot,
        **{name.replace("_", "-"): text for name, text in outputs.items()},
    }
    return Seen({path: text.encode() for path, text in texts.items()}, said, tables, there=there or {})


FLAT = """
mail_location = maildir:/srv/vmail/%d/%n
protocols = imap lmtp
passdb {
  args = scheme=SHA512-CRYPT username_format=%u /etc/dovecot/passwd
  driver = passwd-file
}
userdb {
  args = uid=vmail gid=vmail home=/srv/vmail/%d/%n
  driver = static
}
ssl = required
"""
SYSTEM = """
auth_username_format = %n
mail_location = mbox:~/mail:INBOX=/var/mail/%u
passdb {
  driver = pam
}
userdb {
  driver = passwd
}
protocols = " imap pop3"
ssl = required
"""
DIALECT_24 = """
dovecot_config_version = 2.4.0
mail_driver = mdbox
mail_home = /srv/mail/%{user|domain}/%{user|username|lower}
mail_path = ~/mdbox
protocols = imap lmtp
ssl = required
ssl_server {
  cert_file = /etc/ssl/a.pem
}
namespace inbox {
  inbox = yes
  mailbox Trash {
    special_use = "\\\\Trash"
  }
}
passdb passwd-file {
  default_password_scheme = BLF-CRYPT
  passwd_file_path = /etc/dovecot/people
}
userdb passwd-file {
  passwd_file_path = /etc/dovecot/people
  fields {
    gid:default = 2000
    uid:default = 2000
  }
}
quota "User quota" {
  storage_size = 1G
}
"""

__all__ = ["DEFAULTS", "DIALECT_24", "FLAT", "SYSTEM", "parse_dovecot", "server"]
