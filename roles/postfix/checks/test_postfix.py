"""Postfix: runs what its files say, knows every address, and trusts nobody it need not."""

import pytest

UNITS = {"bookworm": "postfix@-.service", "trixie": "postfix.service"}


def effective(host, name):
    """A parameter's value as Postfix reads it."""
    return host.run("postconf -xh %s", name).stdout.strip()


def test_postfix_runs_and_starts_at_boot(host, desired):
    assert host.run("systemctl is-active %s", UNITS[desired.release]).succeeded
    assert host.run("systemctl is-enabled postfix.service").succeeded


def test_postfix_warns_of_nothing_in_its_configuration(host):
    said = host.run("postconf -n")
    assert said.succeeded
    assert said.stderr == ""


def left_to_the_role(variables, name):
    """Skip what the inventory has decided otherwise."""
    if name in variables["postfix_parameters"]:
        pytest.skip(f"the inventory sets {name}")


def test_only_this_host_relays_without_login(host, variables):
    left_to_the_role(variables, "mynetworks")
    assert effective(host, "mynetworks") == "127.0.0.0/8 [::1]/128"


def test_smuggled_messages_are_not_taken(host, variables):
    left_to_the_role(variables, "smtpd_forbid_bare_newline")
    left_to_the_role(variables, "smtpd_forbid_unauth_pipelining")
    assert effective(host, "smtpd_forbid_bare_newline") in ("normalize", "reject", "yes")
    assert effective(host, "smtpd_forbid_unauth_pipelining") == "yes"


def test_every_mailbox_and_alias_is_known(host, variables):
    mailboxes = [
        f"{user.lower()}@{domain}"
        for domain, spec in (variables["mail_domains"] or {}).items()
        for user in ((spec or {}).get("users") or {})
    ]
    known = host.file("/etc/postfix/mailboxes").content_string.split("\n")
    assert [address for address in mailboxes if f"{address} -" not in known] == []


def test_mail_for_root_reaches_a_person(host, variables):
    if not any((spec or {}).get("users") for spec in (variables["mail_domains"] or {}).values()):
        return
    root = f"root@{variables['mail_hostname']}"
    if variables["mail_hostname"] not in variables["mail_domains"]:
        assert host.run("postmap -q %s texthash:/etc/postfix/aliases", root).stdout.strip()


def test_what_smtpd_reaches_from_its_confinement_is_there(host, variables):
    if "dovecot_settings" not in variables:
        return
    for name in ("auth", "dovecot-lmtp", "quota-status"):
        socket = host.file(f"/var/spool/postfix/private/{name}")
        assert socket.is_socket, f"Dovecot has not made {socket.path}"
        assert (socket.user, socket.mode) == ("postfix", 0o600)
