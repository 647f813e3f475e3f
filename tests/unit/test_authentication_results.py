"""Authentication-Results fields: the examples of RFC 8601 Appendix B, what big receivers write, and noise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.authentication import authentication_results


def test_no_result_appendix_b_2() -> None:
    found = authentication_results.parse("example.org 1; none")

    assert (found.authserv_id, found.results, found.mistakes) == ("example.org", (), ())


def test_one_result_appendix_b_3() -> None:
    found = authentication_results.parse("example.com; spf=pass smtp.mailfrom=example.net")

    (one,) = found.results
    assert (found.authserv_id, one.method, one.result) == ("example.com", "spf", "pass")
    assert one.get("smtp.mailfrom") == "example.net"


def test_comments_appendix_b_7() -> None:
    found = authentication_results.parse(
        "foo.example.net (foobar) 1 (baz);\r\n"
        " dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
        " policy (A dot can go here) . (like that) expired\r\n"
        " (this surprised me) = (as I wasn't expecting it) 1362471462"
    )

    (one,) = found.results
    assert (found.authserv_id, one.method, one.result) == ("foo.example.net", "dkim", "fail")
    assert one.get("policy.expired") == "1362471462"
    assert one.comments[0] == "Because I like it"


def test_what_gmail_writes() -> None:
    found = authentication_results.parse(
        "mx.google.com;\r\n dkim=pass header.i=@example.org header.s=mail header.b=AbCd1234;\r\n"
        " spf=softfail (google.com: domain of transitioning a@example.org does not designate 192.0.2.1 as"
        " permitted sender) smtp.mailfrom=a@example.org;\r\n"
        " dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=example.org"
    )

    assert [(one.method, one.result) for one in found.results] == [
        ("dkim", "pass"),
        ("spf", "softfail"),
        ("dmarc", "fail"),
    ]
    assert found.of("dkim")[0].properties == (
        ("header.i", "@example.org"),
        ("header.s", "mail"),
        ("header.b", "AbCd1234"),
    )
    assert found.of("dmarc")[0].comments == ("p=NONE sp=NONE dis=NONE",)
    assert found.mistakes == ()


def test_what_exchange_online_writes() -> None:
    found = authentication_results.parse(
        "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org; dkim=none (message not signed)"
        " header.d=none;dmarc=bestguesspass action=none header.from=example.org;compauth=pass reason=109"
    )

    assert found.authserv_id == ""
    assert [(one.method, one.result) for one in found.results] == [
        ("spf", "pass"),
        ("dkim", "none"),
        ("dmarc", "bestguesspass"),
        ("compauth", "pass"),
    ]
    assert found.of("compauth")[0].reason == "109"


def test_a_reason_may_be_quoted_and_hold_semicolons() -> None:
    found = authentication_results.parse('mx.x; dkim=fail reason="bad; \\"very\\" bad" header.d=x.org')

    assert found.results[0].reason == 'bad; "very" bad'
    assert found.results[0].get("header.d") == "x.org"


@pytest.mark.parametrize("value", ["", ";", "mx.x; gibberish", "mx.x; =pass", "; spf=pass"])
def test_what_cant_be_read_is_named(value: str) -> None:
    assert authentication_results.parse(value).mistakes


@pytest.mark.parametrize(
    "noise", ["a" * 60000, " " * 60000, "a." * 30000, "(" * 60000, '"' * 60000, "a =" * 20000]
)
def test_a_huge_field_is_read_at_once(noise: str) -> None:
    assert authentication_results.parse(f"mx.x; {noise}").authserv_id == "mx.x"


@given(st.text(alphabet='ab=;"\\() ./\r\n', max_size=60))
@settings(max_examples=80, deadline=None)
def test_no_field_makes_the_parser_fail(value: str) -> None:
    found = authentication_results.parse(f"mx.x;{value}")

    assert found.authserv_id
