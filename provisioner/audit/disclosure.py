"""Which versions a server tells everybody who connects."""

from __future__ import annotations

import re

from provisioner.audit.verdict import Verdict, passed, warned

_SOFTWARE = re.compile(
    r"\b(postfix|exim|sendmail|opensmtpd|dovecot|pigeonhole|cyrus|courier|qmail|exchange|microsoft esmtp"
    r"|haraka|stalwart|maddy|mox|zimbra|mdaemon|mailenable|hmailserver|communigate|kerio|icewarp)\b",
    re.I,
)
_VERSION = re.compile(
    r"(?<![\w.\[:])v?(\d{1,3}\.\d{1,5}(\.\d{1,6}){0,2}(?:[-+~][\w.+~-]+)?)(?![\w.]|\])", re.I
)
_SYSTEM = re.compile(
    r"\b(debian|ubuntu|gnu|centos|red ?hat|rocky|alma|fedora|suse|freebsd|openbsd|windows)\b", re.I
)


def judge_disclosure(lines: tuple[str, ...]) -> Verdict:
    """Warn of a version or an operating system; a program's name alone is no news to anybody."""
    text = " ".join(lines)
    software = _SOFTWARE.search(text)
    system = _SYSTEM.search(text)
    version = _VERSION.search(text, software.end()) if software else None
    if software and version:
        return warned(f"tells everybody that it is {software[0]} {version[1]}"[:120], *lines)
    if system:
        what = f"{software[0]} on {system[0]}" if software else system[0]
        return warned(f"tells everybody that it is {what}", *lines)
    return passed(
        f"says that it is {software[0]}, but not which version" if software else "names no software", *lines
    )
