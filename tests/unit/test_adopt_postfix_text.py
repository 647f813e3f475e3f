"""main.cf and master.cf as people write them, and look-up tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.adopt.postfix_text import parameters, references, services, split_braces
from provisioner.adopt.tables import TableName, aliases, entries, named, plain
from tests.unit.adopt_making import server


def test_a_parameter_goes_on_over_indented_lines_and_the_comments_between() -> None:
    text = (
        "# head\n\tmore of the comment is none\nmynetworks = 127.0.0.0/8\n"
        "# within\n\n\t[::1]/128,  10.0.0.0/8\nbiff=no\n"
    )

    assert parameters(text) == [("mynetworks", "127.0.0.0/8 [::1]/128,  10.0.0.0/8", 3), ("biff", "no", 7)]


def test_a_parameter_that_is_there_twice_is_reported_twice_in_order() -> None:
    assert parameters("a = 1\na   =2\n") == [("a", "1", 1), ("a", "2", 2)]


def test_options_of_a_service_may_be_in_braces_and_on_lines_of_their_own() -> None:
    text = (
        "submission inet n - y - - smtpd\n  -o syslog_name=postfix/x\n# said\n"
        "  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }\n"
    )

    (service,) = services(text)

    assert (service.key, service.command) == ("submission/inet", "smtpd")
    assert service.options == {
        "syslog_name": "postfix/x",
        "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
    }


@pytest.mark.parametrize("text", ["$a ${b} $(c)", "x${a}$b,$(c)y", "$(a)$(b)/$c"])
def test_all_forms_of_a_reference_are_seen(text: str) -> None:
    assert references(text) == {"a", "b", "c"}


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
VALUES = st.from_regex(r"[!-\"$-~]{1,12}( {1,3}[!-\"$-~]{1,12}){0,4}", fullmatch=True)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from([" ", "\t", "  \t "]), st.booleans())
def test_whatever_white_space_and_lines_it_is_written_with_a_main_cf_says_the_same(
    wanted: dict[str, str], gap: str, in_lines: bool
) -> None:
    lines = []
    for name, value in wanted.items():
        words = value.split()
        joined = f"\n# comment\n\n{gap}".join(words) if in_lines else value
        lines.append(f"{name}{gap}={gap}{joined}{gap}\n")

    read = {name: value.split() for name, value, _ in parameters("".join(lines))}

    assert read == {name: value.split() for name, value in wanted.items()}


@given(st.text(max_size=300))
def test_no_text_makes_the_readers_fail(text: str) -> None:
    parameters(text)
    services(text)
    split_braces(text)
    named(text)
    plain(text)
    aliases(text)


def test_tables_are_told_from_words() -> None:
    tables, words = named("a.test, hash:/etc/postfix/x proxy:mysql:/etc/y.cf inline:{ {k=v w}, b=c } $z")

    assert [table.text for table in tables[:2]] == ["hash:/etc/postfix/x", "mysql:/etc/y.cf"]
    assert entries(tables[2], server("")) == [("k", "v w"), ("b", "c")]
    assert words == ["a.test", "$z"]


def test_a_table_s_source_may_be_continued_and_quoted() -> None:
    text = 'info@a.test  x@a.test,\n             y@a.test\n"odd key"  z\n# no\n@a.test\tx\n'

    assert plain(text) == [("info@a.test", "x@a.test, y@a.test"), ("odd key", "z"), ("@a.test", "x")]


def test_a_pattern_s_table_can_t_be_listed() -> None:
    assert entries(TableName("pcre", "/etc/x"), server("")) is None


def test_aliases_lead_to_people_programs_files_and_lists() -> None:
    text = (
        'root: anna\nclerk:   "|/bin/clerk --file x"\nall : anna, \n  ben\n'
        "odd: :include:/etc/list, /var/box\n"
    )

    assert aliases(text) == [
        ("root", ["anna"]),
        ("clerk", ["|/bin/clerk --file x"]),
        ("all", ["anna", "ben"]),
        ("odd", [":include:/etc/list", "/var/box"]),
    ]
