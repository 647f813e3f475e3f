"""Every check there is, in the order of reports and of docs/checks.md."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from provisioner.audit import (
    bimi,
    blocklists,
    caa,
    certificate,
    dane,
    dkim,
    dmarc,
    dnssec,
    injection,
    logins,
    mailbox,
    mta_sts,
    mx,
    name_servers,
    relay,
    reverse_dns,
    services,
    smtp,
    smuggling,
    spf,
    submission,
    tls,
    tls_rpt,
    vrfy,
)
from provisioner.audit.finding import Check, Severity
from provisioner.audit.inside import judge as inside
from provisioner.errors import InputError

COMPLETE = Check(
    "audit.complete",
    Severity.INFO,
    "Everything was asked that was to be asked",
    "What was not asked may be wrong all the same.",
    "Run it again with a longer --time-limit, or with --check for what is missing.",
    "docs/audit.md",
)
_MODULES = (
    spf, dkim, dmarc, bimi,
    mx, name_servers, dnssec, reverse_dns, caa, blocklists,
    smtp, relay, smuggling, vrfy, injection,
    tls, certificate, dane, mta_sts, tls_rpt,
    submission, mailbox, logins, services,
)  # fmt: skip
OUTSIDE: tuple[str, ...] = tuple(dict.fromkeys(c.area for module in _MODULES for c in module.CHECKS))
"""Areas of the checks that are made from outside."""
CHECKS: tuple[Check, ...] = (
    *(check for module in _MODULES for check in module.CHECKS),
    *inside.CHECKS,
    COMPLETE,
)
INTRUSIVE: tuple[Check, ...] = (
    *relay.INTRUSIVE, *smuggling.INTRUSIVE, *vrfy.INTRUSIVE, *injection.INTRUSIVE, *logins.INTRUSIVE,
)  # fmt: skip
"""Checks that do more than an ordinary client: they run where the user said so."""
_PLACES = {check.id: number for number, check in enumerate(CHECKS)}


def place(identity: str) -> int:
    """Where a check stands in the catalogue."""
    return _PLACES.get(identity, len(_PLACES))


def chosen(patterns: Sequence[str]) -> tuple[str, ...]:
    """The ids that `patterns` mean: an id, an area (`tls`), or a pattern (`smtp.starttls*`).

    Raises `InputError` for one that means none, with the nearest right word.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        ids = [one.id for one in CHECKS if fnmatchcase(one.id, pattern) or one.area == pattern]
        if not ids:
            known = [*_PLACES, *dict.fromkeys(check.area for check in CHECKS)]
            near = get_close_matches(pattern, known, n=1)
            note = f"did you mean `{near[0]}`?" if near else ""
            raise InputError(f"there is no check `{pattern}`", note=note, hint="docs/checks.md lists them.")
        found |= dict.fromkeys(ids)
    return tuple(found)
