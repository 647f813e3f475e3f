"""For servers of ours: which change to the inventory mends a finding, so that its fix is a plan.

Our roles' own settings pass every check. What is wrong on a server of ours is therefore one of three things:
a setting that the inventory overrides, a variable of a role that allows better, or a host that is not as the
inventory says. The first two are edits, found here; the third is what `plan` shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from provisioner.audit.edit import Edit
from provisioner.audit.finding import Finding
from provisioner.audit.judgement import WRONG, Judgement

if TYPE_CHECKING:
    from provisioner.inventory.model import Host, VariablePath
    from provisioner.plan import Plan

POSTFIX, DOVECOT = ("postfix_parameters", "postfix_services"), ("dovecot_settings",)
OVERRIDES = (*POSTFIX, *DOVECOT)
"""Variables that put the user's own settings in the place of a role's."""
SERVICES = {"25": "smtp/inet", "465": "submissions/inet", "587": "submission/inet"}
"""Ports of Postfix, and what master.cf and `postfix_services` call them."""
UNSET: Mapping[str, tuple[str, ...]] = {
    "spf.*": ("mail_spf",),
    "dmarc.report*": ("mail_dmarc_reports",),
    "certificate.hostmatch": ("tls_names",),
    "updates.*": ("base_security_updates",),
    "clock.*": ("base_time_sync",),
    "accounts.*": ("mail_weak_hashes",),
    "sockets.*": ("firewall_open",),
    "services.unexpected": ("firewall_open", "postfix_more_services"),
}
"""Checks, and variables whose defaults pass them."""
BETTER: Mapping[str, tuple[str, object, object]] = {
    "dmarc.policy": ("mail_dmarc_policy", "none", "quarantine"),
    "certificate.trust": ("tls_provider", "self_signed", "acme"),
    "dane.present": ("tls_dane", False, True),
}
"""Checks that a default does not pass: the variable, that default, and the value that passes."""
_NAME = re.compile(r"(?<![$\w])(?:[a-z0-9]+(?:_[a-z0-9]+)+|mynetworks|mydestination|myhostname|ssl)\b")
"""Names of settings in a sentence: words joined by `_`, and some that are one word; `$name` is only read."""


@dataclass(frozen=True, slots=True)
class Mended:
    """An audit of servers of ours with the edits that end what it found."""

    judgements: tuple[Judgement, ...]
    """As they were; findings that an edit ends have it as their change to the inventory."""
    hosts: tuple[Host, ...]
    """Every host, with the edits made to its variables."""
    edits: Mapping[Edit, tuple[Finding, ...]]
    """Each edit once, and what it ends."""


def mend(judgements: Iterable[Judgement], hosts: Iterable[Host]) -> Mended:
    """Find the edits for everything that is wrong. Contacts nobody."""
    ours = tuple(hosts)
    of_host: dict[str, dict[Edit, None]] = {host.name: {} for host in ours}
    ends: dict[Edit, tuple[Finding, ...]] = {}
    told: list[Judgement] = []
    for judgement in judgements:
        findings = []
        for finding in judgement.findings:
            found: dict[Edit, None] = {}
            for host in ours if finding.outcome in WRONG else ():
                if concerns(judgement.target, finding.subject, host):
                    edits = dict.fromkeys(edits_for(finding, host))
                    of_host[host.name] |= edits
                    found |= edits
            ends |= {edit: (*ends.get(edit, ()), finding) for edit in found}
            findings.append(in_inventory(finding, found))
        told.append(replace(judgement, findings=tuple(findings)))
    return Mended(tuple(told), tuple(edited(host, of_host[host.name]) for host in ours), ends)


def concerns(target: str, subject: str, host: Host) -> bool:
    """Whether a finding on `subject`, of the target of this name, is about `host`."""
    variables = host.variables
    names = {host.name, str(variables.get("mail_hostname") or host.name), str(variables.get("ansible_host"))}
    addresses = variables.get("mail_addresses")
    names |= set(map(str, addresses)) if isinstance(addresses, list | tuple) else set()
    if target.removesuffix(" (host)") in names or names & {subject, subject.rpartition(":")[0].strip("[]")}:
        return True
    # What a domain publishes, at its own name or at one like `s1._domainkey`, is about all of its hosts.
    domains = variables.get("mail_domains")
    of_domain = subject == target or "_" in subject
    return isinstance(domains, Mapping) and target in domains and of_domain and ":" not in subject


def edits_for(finding: Finding, host: Host) -> tuple[Edit, ...]:
    """What to change in the host's variables; nothing where the inventory does not decide it."""
    unset = [
        name for pattern, names in UNSET.items() if fnmatchcase(finding.check.id, pattern) for name in names
    ]
    found = [*_overridden(finding, host), *((name,) for name in unset if name in host.variables)]
    edits = [Edit(path, host.origins.find(path)) for path in found]
    if finding.check.id in BETTER:
        name, default, better = BETTER[finding.check.id]
        if host.variables.get(name, default) == default:
            edits.append(Edit((name,), host.origins.find((name,)), better))
    return tuple(edits)


def edited(host: Host, edits: Iterable[Edit]) -> Host:
    """The host with these edits made to its variables; the inventory stays as it is."""
    variables = dict(host.variables)
    for edit in edits:
        if not edit.takes_out:
            variables[str(edit.path[0])] = edit.value
        elif edit.path[0] in variables:
            _take_out(variables, edit.path)
    return replace(host, variables=variables)


def in_inventory(finding: Finding, edits: Iterable[Edit]) -> Finding:
    """The finding with the edits as its change to the inventory."""
    lines = dict.fromkeys(
        f"{edit.sentence}   # {edit.where}" if edit.where and edit.takes_out else edit.sentence
        for edit in edits
    )
    return replace(finding, inventory="\n".join(lines)) if lines else finding


def mended_by(plan: Plan, finding: Finding) -> bool:
    """Whether a plan changes what the finding is about: its settings, its file, or what doesn't answer."""
    named = _words(finding)
    file = finding.place.rpartition(":")[0] or finding.place
    for change in plan.changes:
        if named.intersection(_settings_in(change.diff)) or (file and change.resource == f"file:{file}"):
            return True
    answers = finding.check.id.endswith((".answers", ".promised"))
    return answers and any(change.resource.startswith(("service:", "package:")) for change in plan.changes)


def _overridden(finding: Finding, host: Host) -> Iterator[VariablePath]:
    """Settings that the finding is about and the inventory sets, for the software that was judged."""
    port = finding.subject.rpartition(":")[2]
    is_port = port.isdigit() and ":" in finding.subject
    roots = POSTFIX if port in SERVICES else DOVECOT if is_port else OVERRIDES
    named = _words(finding)
    for root in roots:
        value = host.variables.get(root)
        for path in _leaves((root,), value) if isinstance(value, Mapping) else ():
            other_port = root == "postfix_services" and port in SERVICES and path[1] != SERVICES[port]
            if str(path[-1]) in named and not other_port:
                yield path


def _leaves(path: VariablePath, value: Mapping[str, object]) -> Iterator[VariablePath]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves((*path, key), inner)
        else:
            yield (*path, key)


def _words(finding: Finding) -> frozenset[str]:
    """The settings that the finding is about; from outside only its fix names them: `smtpd_tls_auth_only`."""
    if finding.settings:
        return frozenset(finding.settings)
    return frozenset(_NAME.findall(f"{finding.check.fix}\n{finding.fix}"))


def _settings_in(diff: str) -> frozenset[str]:
    """The settings that a diff changes: `+  -o smtpd_tls_auth_only=no` names the one before the `=`."""
    changed = [one for one in diff.splitlines() if one[:1] in "+-" and one[:3] not in ("+++", "---")]
    return frozenset(name for line in changed for name in re.findall(r"([A-Za-z0-9_]+) ?=", line))


def _take_out(variables: dict[str, object], path: VariablePath) -> None:
    """Without the value at `path`; what holds it is copied, and goes too where nothing is left in it."""
    key, *rest = path
    inner = variables[str(key)]
    if not rest or not isinstance(inner, Mapping):
        del variables[str(key)]
        return
    copied = dict(inner)
    if rest[0] in copied:
        _take_out(copied, tuple(rest))
    if copied:
        variables[str(key)] = copied
    else:
        del variables[str(key)]
