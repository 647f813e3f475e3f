"""What Postfix's parameters mean to adopting: which the roles see to, which are of other times.

The reasons stand in the inventory's words; see postconf(5) for each.
"""

from __future__ import annotations

OWN_WAY = {
    "mydestination": "people's mail is in mail_domains; no mailbox belongs to a system account",
    "local_transport": "",
    "local_recipient_maps": "",
    "alias_maps": "aliases are in mail_domains",
    "alias_database": "",
    "luser_relay": "a catch-all is the alias `@` of its domain",
    "virtual_alias_domains": "",
    "virtual_alias_maps": "aliases are in mail_domains",
    "virtual_alias_recursion_limit": "",
    "virtual_mailbox_domains": "domains are in mail_domains",
    "virtual_mailbox_maps": "users are in mail_domains",
    "virtual_mailbox_base": "",
    "virtual_uid_maps": "",
    "virtual_gid_maps": "",
    "virtual_minimum_uid": "",
    "virtual_transport": "Dovecot's LMTP server puts mail into the mailbox: quotas and filters hold",
    "mailbox_command": "Dovecot's LMTP server puts mail into the mailbox: quotas and filters hold",
    "mailbox_transport": "Dovecot's LMTP server puts mail into the mailbox: quotas and filters hold",
    "home_mailbox": "Dovecot's LMTP server puts mail where Dovecot reads it",
    "mail_spool_directory": "",
    "mailbox_size_limit": "mailboxes have Dovecot's quota",
    "virtual_mailbox_limit": "mailboxes have Dovecot's quota",
    "dovecot_destination_recipient_limit": "",
    "myhostname": "mail_hostname",
    "mydomain": "",
    "compatibility_level": "the level that both Debian 12 and 13 know",
    "smtpd_sasl_auth_enable": "logins are taken on 465 and 587, and not on 25: nobody can guess "
    "passwords there",
    "smtpd_sasl_type": "",
    "smtpd_sasl_path": "",
    "smtpd_sasl_local_domain": "",
    "smtpd_sasl_security_options": "",
    "smtpd_sasl_tls_security_options": "",
    "smtpd_sasl_authenticated_header": "",
    "broken_sasl_auth_clients": "",
    "smtpd_milters": "postfix_milters",
    "non_smtpd_milters": "postfix_milters",
    "milter_default_action": "while the filter is away mail waits at its sender: better late than "
    "unsigned or unchecked",
    "milter_protocol": "",
    "internal_mail_filter_classes": "",
    "inet_interfaces": "",
    "readme_directory": "",
    "html_directory": "",
    "manpage_directory": "",
    "sample_directory": "",
    "mail_owner": "",
    "setgid_group": "",
    "command_directory": "",
    "daemon_directory": "",
    "data_directory": "",
    "queue_directory": "",
    "mailq_path": "",
    "newaliases_path": "",
    "sendmail_path": "",
    "meta_directory": "",
    "shlib_directory": "",
    "debug_peer_level": "",
    "debugger_command": "",
    "mail_version": "",
    "unknown_local_recipient_reject_code": "",
    "append_dot_mydomain": "",
    "biff": "",
    "smtpd_banner": "",
    "disable_vrfy_command": "",
    "smtpd_helo_required": "",
    "strict_rfc821_envelopes": "",
    "smtpd_data_restrictions": "",
    "smtpd_discard_ehlo_keywords": "",
    "smtpd_sender_login_maps": "who may send as which address follows from users and aliases",
    "smtpd_reject_unlisted_recipient": "",
    "smtpd_delay_reject": "",
}
"""Parameters that the roles set, or leave, their own way; a reason where the deployed file has none."""

OWN_WAY_PREFIXES = (
    "smtpd_tls_", "smtp_tls_", "lmtp_tls_", "tls_", "smtpd_forbid_", "milter_connect_", "milter_mail_",
    "milter_rcpt_", "milter_data_", "milter_helo_", "milter_end_of_", "milter_header_", "milter_macro_",
)  # fmt: skip
"""All parameters that begin so: the roles' TLS, smuggling protection and filters."""

KEPT_ALTHOUGH = frozenset(
    {"smtp_tls_policy_maps", "smtp_tls_fingerprint_digest", "smtp_tls_connection_reuse"}
)
"""Of those with a prefix of the roles', the ones that say what no role does."""

LOCAL_DELIVERY = frozenset(
    {
        "mydestination", "alias_maps", "alias_database", "mailbox_command", "mailbox_transport",
        "home_mailbox", "mail_spool_directory", "virtual_alias_domains", "virtual_alias_maps",
        "mailbox_size_limit", "luser_relay", "local_recipient_maps",
    }
)  # fmt: skip
"""Kept where no Dovecot keeps mailboxes: then Postfix's own local delivery stays."""

OF_OTHER_TIMES = {
    "smtpd_use_tls": "smtpd_tls_security_level says it (Postfix 2.3)",
    "smtpd_enforce_tls": "smtpd_tls_security_level says it (Postfix 2.3)",
    "smtp_use_tls": "smtp_tls_security_level says it (Postfix 2.3)",
    "smtp_enforce_tls": "smtp_tls_security_level says it (Postfix 2.3)",
    "smtp_tls_per_site": "smtp_tls_policy_maps says it (Postfix 2.3)",
    "virtual_maps": "virtual_alias_maps says it (Postfix 2.0)",
    "maps_rbl_domains": "reject_rbl_client DOMAIN says it (Postfix 2.1)",
    "smtpd_tls_dh1024_param_file": "Postfix has good parameters of its own (Postfix 3.1)",
    "smtpd_tls_dh512_param_file": "Postfix has good parameters of its own (Postfix 3.1)",
    "smtpd_tls_eecdh_grade": "`auto` is the default (Postfix 3.2)",
    "smtpd_tls_cipherlist": "smtpd_tls_mandatory_ciphers says it (Postfix 2.3)",
    "smtp_tls_cipherlist": "smtp_tls_mandatory_ciphers says it (Postfix 2.3)",
    "disable_dns_lookups": "smtp_dns_support_level says it (Postfix 2.11)",
    "permit_mx_backup_networks": "relay_domains says which domains are relayed (Postfix 3.9)",
    "authorized_verp_clients": "smtpd_authorized_verp_clients says it (Postfix 2.3)",
    "postmaster_address": "no Postfix knows it any longer",
}
"""Parameters that did their work under other names; Postfix may still read them, with a warning."""

RESTRICTIONS = (
    "smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions",
    "smtpd_recipient_restrictions", "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions",
)  # fmt: skip
"""Lists that are merged: the role's own stay, the server's further ones follow. smtpd_relay_restrictions is
not among them: it decides that we are no open relay, and stays the role's."""

IN_THE_ROLE = frozenset(
    {
        "permit_sasl_authenticated", "permit_tls_clientcerts", "reject_unauth_destination",
        "defer_unauth_destination", "reject_unauth_pipelining", "reject_non_fqdn_recipient",
        "reject_unknown_recipient_domain", "reject_unlisted_recipient", "reject_invalid_helo_hostname",
        "reject_non_fqdn_helo_hostname", "reject_non_fqdn_sender", "reject_unknown_sender_domain",
        "reject_invalid_hostname", "reject_non_fqdn_hostname", "permit", "permit_mynetworks",
        "reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
        "reject_unlisted_sender", "reject_unverified_recipient",
    }
)  # fmt: skip
"""Restrictions that the role has in its own place, or that make no sense on a port without login."""

WITH_ARGUMENT = frozenset(
    [
        "check_policy_service",
        "reject_rbl_client",
        "permit_dnswl_client",
        "reject_rhsbl_client",
        "reject_rhsbl_helo",
        "reject_rhsbl_sender",
        "reject_rhsbl_recipient",
        "reject_rhsbl_reverse_client",
        "permit_rhswl_client",
        "sleep",
        "check_client_access",
        "check_helo_access",
        "check_sender_access",
        "check_recipient_access",
        "check_etrn_access",
        "check_ccert_access",
        "check_client_mx_access",
        "check_client_ns_access",
        "check_client_a_access",
        "check_helo_mx_access",
        "check_helo_ns_access",
        "check_helo_a_access",
        "check_sender_mx_access",
        "check_sender_ns_access",
        "check_sender_a_access",
        "check_recipient_mx_access",
        "check_recipient_ns_access",
        "check_recipient_a_access",
        "check_reverse_client_hostname_access",
        "check_reverse_client_hostname_mx_access",
        "check_reverse_client_hostname_ns_access",
        "check_sasl_access",
    ]
)
"""Restrictions that take the word after them."""

STOCK_SERVICES = frozenset(
    [
        "pickup",
        "cleanup",
        "qmgr",
        "tlsmgr",
        "rewrite",
        "bounce",
        "defer",
        "trace",
        "verify",
        "flush",
        "proxymap",
        "proxywrite",
        "smtp",
        "relay",
        "showq",
        "error",
        "retry",
        "discard",
        "local",
        "virtual",
        "lmtp",
        "anvil",
        "scache",
        "postlog",
    ]
)
"""What every master.cf has."""
UNUSED_STOCK = frozenset(
    [
        "maildrop",
        "uucp",
        "ifmail",
        "bsmtp",
        "scalemail-backend",
        "mailman",
        "dovecot",
        "oldcyrus",
        "cyrus",
        "old-cyrus",
    ]
)
"""What Debian's master.cf has had for others to use, and what guides put there to hand mail to Dovecot."""
DEBIAN_BANNERS = (
    "$myhostname ESMTP $mail_name (Debian/GNU)",
    "$myhostname ESMTP $mail_name",
    "$myhostname ESMTP",
)
