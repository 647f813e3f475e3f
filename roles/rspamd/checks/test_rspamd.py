"""Rspamd: runs, signs for every domain, refuses what is spam, and listens to this host alone."""

import re
import time

import pytest

CONTROLLER = "/run/rspamd/controller.sock"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The text that every spam filter takes for spam, for tests."""


def judged(host, message, *options):
    """What Rspamd says of a message: the lines that rspamc prints."""
    asked = "printf %s | rspamc --connect " + CONTROLLER + " %s" * len(options) + " symbols"
    return host.run(asked, message, *options).stdout


def test_rspamd_runs_and_starts_at_boot(host):
    assert host.service("rspamd").is_running
    assert host.service("rspamd").is_enabled


def test_the_filter_listens_to_this_host_alone(host, variables):
    address, port = variables["rspamd_milter"].removeprefix("inet:").rsplit(":", 1)
    assert host.socket(f"tcp://{address}:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening


def test_mail_of_every_domain_is_signed(host, variables):
    domains = list(variables["mail_domains"] or {})
    if not domains:
        pytest.skip("there is no mail domain")
    selectors = [variables["rspamd_dkim_selector"]]
    if variables["rspamd_dkim_ed25519"]:
        selectors.append(f"{selectors[0]}-ed25519")
    for domain in domains:
        # After a reload Rspamd reads its files for some seconds, and works on as before meanwhile.
        ends = time.monotonic() + 15
        while missing := unsigned(host, domain, selectors):
            assert time.monotonic() < ends, f"mail of {domain} is not signed with {' and '.join(missing)}"
            time.sleep(1)


def unsigned(host, domain, selectors):
    """The selectors that a message of the domain is not signed with."""
    sender = f"check@{domain}"
    message = f"From: {sender}\\r\\nTo: x@example.invalid\\r\\nSubject: check\\r\\n\\r\\ncheck\\r\\n"
    said = judged(host, message, f"--from={sender}", f"--user={sender}", "--ip=192.0.2.1")
    (signed, *_) = [line for line in said.splitlines() if line.startswith("Symbol: DKIM_SIGNED")] or [""]
    return [
        selector
        for selector in selectors
        if not re.search(rf"\b{re.escape(domain)}:s={re.escape(selector)}(?![\w.-])", signed)
    ]


def test_keys_are_for_rspamd_alone(host):
    others = host.run("find /etc/rspamd/dkim ! -type l -perm /o=rwx").stdout
    assert others == ""


def test_what_is_surely_spam_is_refused(host):
    assert "Action: reject" in judged(host, f"Subject: check\\r\\n\\r\\n{GTUBE}\\r\\n", "--ip=192.0.2.1")
