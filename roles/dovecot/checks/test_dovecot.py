"""Dovecot: runs what its files say, knows every mailbox, keeps passwords to itself."""

import pytest


def addresses(variables):
    """Every mailbox of the inventory."""
    return [
        f"{user.lower()}@{domain}"
        for domain, spec in (variables["mail_domains"] or {}).items()
        for user in ((spec or {}).get("users") or {})
    ]


def test_dovecot_runs_and_starts_at_boot(host):
    assert host.service("dovecot").is_running
    assert host.service("dovecot").is_enabled


def test_dovecot_warns_of_nothing_in_its_configuration(host):
    said = host.run("doveconf -n")
    assert said.succeeded
    assert said.stderr == ""


def left_to_the_role(variables, *names):
    """Skip what the inventory has decided otherwise."""
    if chosen := [name for name in names if name in variables["dovecot_settings"]]:
        pytest.skip(f"the inventory sets {chosen[0]}")


def test_no_password_travels_in_the_clear(host, desired, variables):
    left_to_the_role(variables, "disable_plaintext_auth", "auth_allow_cleartext", "ssl")
    name, value = {
        "bookworm": ("disable_plaintext_auth", "yes"),
        "trixie": ("auth_allow_cleartext", "no"),
    }[desired.release]
    assert host.run("doveconf -h %s", name).stdout.strip() == value
    assert host.run("doveconf -h ssl").stdout.strip() == "required"


def test_old_tls_is_off(host, variables):
    left_to_the_role(variables, "ssl_min_protocol")
    assert host.run("doveconf -h ssl_min_protocol").stdout.strip() in ("TLSv1.2", "TLSv1.3")


def test_every_mailbox_is_known_and_lies_where_the_inventory_says(host, variables):
    for address in addresses(variables):
        home = host.run("doveadm user -f home %s", address).stdout.strip()
        user, domain = address.split("@")
        own = ((variables["mail_domains"][domain]["users"] or {}).get(user) or {}).get("home")
        general = variables["dovecot_home"].replace("{user}", address)
        wanted = own or general.replace("{local}", user).replace("{domain}", domain)
        assert home == wanted, f"{address}: {home or 'not known to Dovecot'}"


def test_the_password_hashes_are_for_dovecot_alone(host):
    users = host.file("/etc/dovecot/users")
    assert (users.user, users.group, users.mode) == ("root", "dovecot", 0o640)


def test_mailboxes_are_for_their_account_alone(host, variables):
    if not variables["dovecot_mail_directory"]:
        pytest.skip("the inventory leaves the folder of the mailboxes as it is")
    mailboxes = host.file(variables["dovecot_mail_directory"])
    owner = (variables["dovecot_user"], variables["dovecot_group"])
    assert (mailboxes.user, mailboxes.group, mailboxes.mode) == (*owner, 0o700)


def test_lmtp_takes_mail_for_a_mailbox_and_for_nobody_else(host, variables):
    known = addresses(variables)
    if not known or "postfix_parameters" not in variables:
        return
    asked = "/usr/local/lib/provision/lmtp-takes /var/spool/postfix/private/dovecot-lmtp %s"
    taken = host.run(asked, known[0])
    assert taken.succeeded, taken.stdout
    assert host.run(asked, f"nobody-of-that-name@{known[0].split('@')[1]}").failed
