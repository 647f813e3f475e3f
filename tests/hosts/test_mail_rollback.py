"""A whole mail server goes back, proven by what its ports had to show then; an edit of its settings."""

from __future__ import annotations

from provisioner.apply import HostOutcome, apply_hosts
from provisioner.history.restore import plan_rollbacks
from provisioner.prepare import prepare
from tests.hosts.conftest import MailServer

FILES = (
    "find /etc -xdev -type f ! -name '*-' ! -path /etc/ld.so.cache -printf '%p %m %u %g ' "
    "-exec sha256sum {} + | sort; systemctl is-active postfix@- postfix dovecot rspamd; true"
)


def roll_back(server: MailServer) -> HostOutcome:
    hosts = [one.host for one in prepare(server.inventory).candidates]
    (outcome,) = apply_hosts(plan_rollbacks(hosts, server.run()), server.run())
    return outcome


def test_a_mail_server_goes_back_and_its_old_mailboxes_are_what_proves_it(mail_server: MailServer) -> None:
    before = mail_server.sh(FILES)
    outcome = mail_server.apply(
        mail_domains={"example.test": {"users": {"carol": {"password": "yet another battery"}}}},
        postfix_parameters={"message_size_limit": 20000000},
        dovecot_settings={"mail_max_userip_connections": 33},
    )
    assert outcome.status == "changed", (outcome.error, outcome.log)
    # The inventory still says that alice is nobody here: what is proven does not come from it.
    back = roll_back(mail_server)
    assert back.status == "changed", (back.error, back.log)
    assert {25, 465, 587, 993} <= {result.port.number for result in back.ports if result.ok}
    assert mail_server.sh(FILES) == before


def test_an_edited_parameter_comes_with_the_line_that_keeps_it(mail_server: MailServer) -> None:
    mail_server.sh("postconf -e message_size_limit=33333333")
    planned = mail_server.plan()
    assert planned.plan is not None, planned.error
    edited = next(c.edited for c in planned.plan.changes if c.resource == "file:/etc/postfix/main.cf")
    assert edited is not None and edited.mergeable
    assert edited.inventory == ("postfix_parameters: {message_size_limit: 33333333}",)
    mail_server.write(postfix_parameters={"message_size_limit": 33333333})
    settled = mail_server.plan()
    assert settled.plan is not None, settled.error
    assert all(change.edited is None for change in settled.plan.changes)
