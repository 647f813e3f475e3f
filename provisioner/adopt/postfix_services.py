"""What of master.cf stays: options of services, further services, and the ports they open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.adopt.postfix_settings import typed
from provisioner.adopt.postfix_text import Service, services
from provisioner.adopt.postfix_words import STOCK_SERVICES, UNUSED_STOCK
from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen

_SAME = {
    "25": "smtp",
    "smtp": "smtp",
    "587": "submission",
    "submission": "submission",
    "465": "submissions",
    "smtps": "submissions",
    "submissions": "submissions",
}
_PEOPLE = frozenset(
    {
        "syslog_name", "smtpd_sasl_auth_enable", "smtpd_client_restrictions", "smtpd_helo_restrictions",
        "smtpd_sender_restrictions", "smtpd_relay_restrictions", "smtpd_recipient_restrictions",
        "cleanup_service_name", "milter_macro_daemon_name", "smtpd_tls_security_level",
        "smtpd_tls_wrappermode", "smtpd_enforce_tls", "smtpd_use_tls",
        "smtpd_reject_unlisted_recipient", "smtpd_sasl_type", "smtpd_sasl_path", "smtpd_tls_auth_only",
        "smtpd_sasl_security_options", "smtpd_sasl_local_domain", "smtpd_sender_login_maps",
        "smtpd_milters", "smtpd_tls_mandatory_protocols", "smtpd_tls_protocols",
        "mua_client_restrictions", "mua_helo_restrictions", "mua_sender_restrictions",
        "smtpd_data_restrictions", "smtpd_tls_cert_file", "smtpd_tls_key_file",
        "smtpd_tls_mandatory_ciphers", "smtpd_tls_ciphers", "smtpd_upstream_proxy_protocol",
        "smtpd_forbid_unauth_pipelining", "smtpd_hide_client_session",
    }
)  # fmt: skip
"""Options of people's ports that the role sets itself, or that its main.cf covers."""
_OURS = frozenset({"submission-cleanup"})


@dataclass
class PostfixServices:
    """What becomes of master.cf."""

    options: dict[str, dict[str, object]] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    """Further ports that are open to the network."""
    notes: list[Note] = field(default_factory=list)


def decide(seen: Seen, known: set[str], values: Mapping[str, str], *, has_people: bool) -> PostfixServices:
    """Everything about the services of master.cf. `known` are parameters, `values` those of main.cf.

    `has_people` says whether the role will have ports for people.
    """
    result = PostfixServices()
    found = services(seen.output("postconf-services") or seen.text("/etc/postfix/master.cf"))
    used = " ".join(values.values())
    for service in found:
        same = _SAME.get(service.name) if service.type == "inet" else service.name
        if service.type == "inet" and same:
            _port(service, same, known, result)
        elif service.type == "inet" or service.name not in STOCK_SERVICES:
            _further(service, used, result)
        elif f"{service.name}/{service.type}" in ("smtp/unix", "relay/unix", "lmtp/unix"):
            _options(service, service.key, frozenset({"syslog_name"}), known, result)
    unused = [one.name for one in found if one.name in UNUSED_STOCK and one.key not in result.more]
    if unused:
        result.notes.append(
            Note(
                Fate.CHANGED,
                f"services {', '.join(unused)}",
                "no longer in master.cf: nothing hands mail to them",
            )
        )
    if has_people:
        _opened(found, result)
    return result


def _port(service: Service, same: str, known: set[str], result: PostfixServices) -> None:
    if service.command == "postscreen":
        result.notes.append(
            Note(
                Fate.CHANGED,
                "postscreen on port 25",
                "smtpd answers port 25 itself; Rspamd, rate limits and the restrictions do postscreen's work",
                "Add the role rspamd if it isn't among the roles.",
            )
        )
        return
    own = (
        _PEOPLE
        if same != "smtp"
        else frozenset({"smtpd_sasl_auth_enable", "syslog_name", "smtpd_enforce_tls"})
    )
    _options(service, f"{same}/inet", own, known, result)


def _options(
    service: Service, key: str, own: frozenset[str], known: set[str], result: PostfixServices
) -> None:
    for name, value in service.options.items():
        shown = f"{service.name}: -o {name}={value}"
        if name in own:
            if name not in (
                "syslog_name",
                "smtpd_sasl_auth_enable",
                "smtpd_tls_security_level",
                "smtpd_tls_wrappermode",
            ):
                result.notes.append(Note(Fate.CHANGED, shown, "the role's own option for this service holds"))
        elif name not in known:
            result.notes.append(Note(Fate.LOST, shown, "not a parameter of Postfix on both Debian 12 and 13"))
        else:
            result.options.setdefault(key, {})[name] = typed(value)
            result.notes.append(Note(Fate.OVERRIDE, shown, "`postfix_services`"))


def _further(service: Service, used: str, result: PostfixServices) -> None:
    refers = re.search(rf"(?<![\w.-]){re.escape(service.name)}(?![\w.-])", used) is not None
    if service.name in (*UNUSED_STOCK, *_OURS) and not (refers and service.name != "dovecot"):
        return
    if service.name == "dovecot" or service.command in ("dnsblog", "tlsproxy"):
        return
    if service.type == "pass" and service.name == "smtpd":
        return
    result.more[service.key] = service.rest
    result.notes.append(
        Note(Fate.OVERRIDE, f"master.cf: {service.key} {service.rest}", "`postfix_more_services`")
    )
    address, colon, port = service.name.rpartition(":")
    is_local = colon and address.strip("[]") in ("127.0.0.1", "::1", "localhost")
    if service.type == "inet" and port.isdigit() and not is_local:
        result.ports.append(int(port))


def _opened(found: list[Service], result: PostfixServices) -> None:
    """Ports of the role's that the server did not have."""
    here = {_SAME.get(service.name) for service in found if service.type == "inet"}
    for name, number in (("submissions", 465), ("submission", 587)):
        if name not in here:
            result.notes.append(
                Note(
                    Fate.CHANGED, f"port {number}", "it is open: people's programs may log in there, over TLS"
                )
            )
