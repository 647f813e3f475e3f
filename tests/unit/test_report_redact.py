from __future__ import annotations

from provisioner.report.redact import Redaction
from provisioner.resources.change import Change

KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQEFAASCB\n-----END KEY-----\n"


def change(diff: str) -> Change:
    return Change("file:/etc/a", "update", "base", diff)


def test_a_diff_that_holds_a_secret_goes_whole_and_says_that_it_is_sensitive() -> None:
    (shown,) = Redaction({"hunter22"})([change("-pass = before\n+pass = hunter22\n")])
    assert (shown.diff, shown.sensitive) == ("", True)


def test_one_line_of_a_secret_key_is_enough() -> None:
    (shown,) = Redaction({KEY})([change("+  kiG9w0BAQEFAASCB\n")])
    assert shown.diff == ""


def test_other_diffs_stay_and_a_very_short_secret_does_not_hide_everything() -> None:
    plain = change("+a = 1\n")
    assert Redaction({"hunter22", "a", ""})([plain]) == (plain,)


def test_a_thousand_hosts_with_the_same_changes_are_looked_through_once() -> None:
    looked = []

    class Counting(str):
        def __contains__(self, text: object) -> bool:
            looked.append(text)
            return super().__contains__(str(text))

    redact = Redaction({"hunter22"})
    for _ in range(1000):
        redact([change(Counting("+a = 1\n"))])
    assert looked == ["hunter22"]
