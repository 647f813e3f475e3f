"""`mail_domains`: addresses completed, owners found, contradictions told with their place."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from role_making import host, one_said

from provisioner.mail.addresses import domain_fault, local_part_fault, size_in_bytes
from provisioner.mail.domains import Mail

HASH = "{ARGON2ID}$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"
DOMAINS = {
    "example.org": {
        "users": {
            "alice": {"password": HASH, "aliases": ["a.smith"], "quota": "2G"},
            "bob": {"password": "plain"},
            "box": {},
        },
        "aliases": {
            "postmaster": ["alice"],
            "info": ["alice", "bob@elsewhere.test"],
            "team": ["info", "bob"],
            "@": "box",
        },
    },
    "example.net": {"aliases": {"@": ["alice@example.org"], "box": ["box@example.org"]}},
}


def read(domains: object) -> Mail:
    mail, mistakes = Mail.read(domains, lambda plain, address: f"{{ARGON2ID}}{plain} of {address}")
    assert mistakes == []
    return mail


def complaints(domains: object) -> list[str]:
    of = host(mail_domains=domains)
    return [one_said(mistake.located(of)) for mistake in Mail.mistakes(domains)]


def test_mailboxes_have_whole_addresses_hashes_and_quotas() -> None:
    users = read(DOMAINS).users
    assert [(user.email, user.local, user.domain, user.quota_bytes) for user in users] == [
        ("alice@example.org", "alice", "example.org", 2 << 30),
        ("bob@example.org", "bob", "example.org", None),
        ("box@example.org", "box", "example.org", None),
    ]
    assert [user.password_hash for user in users] == [HASH, "{ARGON2ID}plain of bob@example.org", ""]


def test_aliases_have_whole_addresses_on_both_sides() -> None:
    assert read(DOMAINS).aliases == {
        "a.smith@example.org": ("alice@example.org",),
        "postmaster@example.org": ("alice@example.org",),
        "info@example.org": ("alice@example.org", "bob@elsewhere.test"),
        "team@example.org": ("info@example.org", "bob@example.org"),
        "@example.org": ("box@example.org",),
        "@example.net": ("alice@example.org",),
        "box@example.net": ("box@example.org",),
    }


def test_who_an_alias_ends_at_may_send_as_it_if_they_can_log_in() -> None:
    assert read(DOMAINS).senders == {
        "alice@example.org": ("alice@example.org",),
        "bob@example.org": ("bob@example.org",),
        "a.smith@example.org": ("alice@example.org",),
        "postmaster@example.org": ("alice@example.org",),
        "info@example.org": ("alice@example.org",),
        "team@example.org": ("alice@example.org", "bob@example.org"),
        "@example.net": ("alice@example.org",),
    }


def test_domains_and_addresses_are_listed_in_the_inventorys_order() -> None:
    mail = read(DOMAINS)
    assert mail.domains == ("example.org", "example.net")
    assert mail.addresses[:4] == (
        "alice@example.org",
        "bob@example.org",
        "box@example.org",
        "a.smith@example.org",
    )
    assert "@example.org" not in mail.addresses


def test_nothing_is_hashed_before_it_is_asked_for_and_what_is_known_is_secret() -> None:
    mail = read(DOMAINS)
    assert mail.secret_texts == {HASH}
    assert mail.users[1].password_hash in mail.secret_texts
    assert HASH not in repr(mail) and "plain" not in repr(mail)


def test_a_mailbox_may_keep_a_copy_and_send_it_on() -> None:
    mail = read({"a.test": {"users": {"x": {"password": HASH}}, "aliases": {"x": ["x", "y@b.test"]}}})
    assert mail.aliases == {"x@a.test": ("x@a.test", "y@b.test")}
    assert mail.senders == {"x@a.test": ("x@a.test",)}


def test_letters_case_makes_no_difference() -> None:
    assert [user.email for user in read({"a.test": {"users": {"Alice": {}}}}).users] == ["alice@a.test"]


def test_addresses_with_an_extension_reach_the_mailbox() -> None:
    assert complaints({"a.test": {"users": {"x": {}}, "aliases": {"l": ["x+list"]}}}) == []


@pytest.mark.parametrize("value", [None, [], "x", {"a.test": None}, {"a.test": {"users": [1], "aliases": 3}}])
def test_values_of_another_shape_are_left_to_the_schema(value: object) -> None:
    assert complaints(value) == []


def users(**more: object) -> dict[str, object]:
    return {"a.test": {"users": {"alice": {}, **more}}}


def aliases(**more: object) -> dict[str, object]:
    return {"a.test": {"users": {"alice": {}}, "aliases": more}}


@pytest.mark.parametrize(
    ("domains", "complaint"),
    [
        (aliases(a=["b"], b=["c"], c=["a"]), "a.test aliases a: aliases go round in a circle: a@a.test → b@a.test → c@a.test → a@a.test"),
        (aliases(info=["alcie"]), "a.test aliases info 0: alias info@a.test leads to alcie@a.test, which is neither mailbox nor alias (did you mean `alice@a.test`?)"),
        (aliases(alice=["x@b.test"]), "a.test aliases alice: alice@a.test is a mailbox and can't be an alias too"),
        (aliases(x=["|program"]), "a.test aliases x 0: alias x@a.test: `|program@a.test` is not a mail address"),
        (aliases(x=["a b@c.test"]), "a.test aliases x 0: alias x@a.test: `a b@c.test` is not a mail address"),
        (aliases(x=["a@b@c.test"]), "a.test aliases x 0: alias x@a.test: `a@b@c.test` is not a mail address"),
        (aliases(x=[]), "a.test aliases x: alias x@a.test leads nowhere"),
        (aliases(**{"x@b.test": ["alice"]}), "a.test aliases x@b.test: alias x@b.test: b.test is not a mail domain of this inventory (did you mean `a.test`?)"),
        (aliases(**{"a..b": ["alice"]}), "a.test aliases a..b: alias `a..b` has characters"),
        (users(bob={"aliases": ["b"]}, carl={"aliases": ["b"]}), "a.test users carl aliases 0: alias b@a.test is there twice"),
        (users(**{"b+b": {}}), "a.test users b+b: user `b+b` of a.test has a `+`"),
        (users(**{"a/b": {}}), "a.test users a/b: user `a/b` of a.test has characters"),
        (users(jürgen={}), "a.test users jürgen: user `jürgen` of a.test has letters that are not ASCII"),
        (users(Alice={}), "a.test users Alice: alice@a.test is there twice; letters' case makes no difference"),
        (users(b={"quota": "lots"}), "a.test users b quota: quota of b@a.test: expected a size such as `2G`, got 'lots'"),
        (users(b={"password": "$6$abc$def"}), "a.test users b password: the password of b@a.test is a hash without its scheme"),
        (users(b={"password": "{MD5}abc"}), "a.test users b password: the password of b@a.test has the scheme MD5, which is unknown or too weak"),
        (users(b={"password": "{x"}), "a.test users b password: the password of b@a.test begins with `{` but is no hash"),
        (users(b={"password": ""}), "a.test users b password: the password of b@a.test is empty"),
        (users(b={"password": "a\nb"}), "a.test users b password: the password of b@a.test has several lines"),
        ({"münchen.de": {}}, "münchen.de: mail domain `münchen.de` has letters that are not ASCII (write `xn--mnchen-3ya.de`)"),
        ({"straße.de": {}}, "straße.de: mail domain `straße.de` has letters that are not ASCII"),
        ({"Example.ORG.": {}}, "Example.ORG.: mail domain `Example.ORG.` is not in its plain form (write `example.org`)"),
        ({"localhost": {}}, "localhost: mail domain `localhost` is not a domain"),
        ({"-a.test": {}}, "-a.test: mail domain `-a.test` is not a domain"),
    ],
)  # fmt: skip
def test_each_contradiction_is_told_once_at_its_place(domains: object, complaint: str) -> None:
    (found,) = Mail.mistakes(domains)
    assert found.path[0] == "mail_domains"
    place = " ".join(str(step) for step in found.path[1:])
    assert f"{place}: {found.message} ({found.note})".startswith(complaint)


def test_a_contradiction_becomes_an_error_at_its_line() -> None:
    assert complaints(aliases(info=["alcie"])) == [
        "inventory.yml:16:11: alias info@a.test leads to alcie@a.test, which is neither mailbox nor alias "
        "(did you mean `alice@a.test`?)"
    ]


def test_all_contradictions_are_told_at_once() -> None:
    domains = {"a.test": {"users": {"a/b": {}}, "aliases": {"x": ["nobody"], "y": ["y"]}}, "B.test": {}}
    assert len(complaints(domains)) == 4


def test_an_alias_to_itself_alone_is_told() -> None:
    assert "y@a.test → y@a.test" in complaints(aliases(y=["y"]))[0]


@given(st.text(max_size=70))
def test_a_local_part_that_is_accepted_is_safe_in_files_and_paths(local: str) -> None:
    if not local_part_fault(local):
        assert local.isascii() and not set(local) & set('/\\:|%!"@ \t\n\0$`+') and ".." not in local


@given(st.text(max_size=20))
def test_every_domain_is_judged_without_an_accident(domain: str) -> None:
    fault, instead = domain_fault(domain)
    assert fault or domain == domain.lower()
    assert not instead or instead.isascii()


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 << 30), ("500 MB", 500 << 20), ("1GiB", 1 << 30), (1024, 1024), ("x", None), ("-1", None)],
)
def test_sizes_count_as_dovecot_counts_them(text: str | int, size: int | None) -> None:
    assert size_in_bytes(text) == size


def test_a_hash_of_a_weak_scheme_is_taken_only_where_the_inventory_says_so() -> None:
    domains = {"a.test": {"users": {"b": {"password": "{PLAIN-MD5}8fe4c11451281c094a6578e6ddbf5eed"}}}}

    (mistake,) = Mail.mistakes(domains)
    assert mistake.hint.endswith("mail_weak_hashes: true takes it.")
    assert Mail.mistakes(domains, weak_hashes=True) == []


def test_a_mailbox_may_lie_elsewhere_than_the_others() -> None:
    user = {"home": "/home/b", "mail": "mbox:~/mail:INBOX=/var/mail/b", "uid": 1000, "gid": 1001}

    mail, mistakes = Mail.read({"a.test": {"users": {"b": user}}}, lambda plain, address: "")

    assert not mistakes
    assert (mail.users[0].home, mail.users[0].mail, mail.uids, mail.has_mbox) == (
        "/home/b",
        "mbox:~/mail:INBOX=/var/mail/b",
        [1000],
        True,
    )
