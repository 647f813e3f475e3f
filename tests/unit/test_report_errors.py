from __future__ import annotations

from provisioner.errors import AuthenticationError, InputError, Location, Mistakes, ProvisionError
from provisioner.report.errors import Sources, error_document, error_lines

INVENTORY = """\
all:
  vars:
    posfix_parameters: {message_size_limit: 52428800}
    mail_domains:
      example.org: {users: {bob: {password: hunter2, qouta: 2G}}}
""".splitlines()

SOURCES = Sources(name=lambda file: file, line=lambda where: INVENTORY[(where.line or 0) - 1])
UNREADABLE = Sources(name=lambda file: file, line=lambda where: None)


def shown(error: ProvisionError, sources: Sources = SOURCES, width: int = 80) -> str:
    return "\n".join(line.plain.rstrip() for line in error_lines(error, sources, width))


UNKNOWN = InputError(
    "unknown variable `posfix_parameters` for mx1.example.org",
    where=Location("inventory.yml", 3, 5, 17),
    note="did you mean `postfix_parameters`?",
)


def test_a_mistake_shows_its_line_with_the_place_marked() -> None:
    assert (
        shown(UNKNOWN)
        == """\
error: unknown variable `posfix_parameters` for mx1.example.org
  --> inventory.yml:3:5
  |
3 |     posfix_parameters: {message_size_limit: 52428800}
  |     ^^^^^^^^^^^^^^^^^ did you mean `postfix_parameters`?
  |"""
    )


def test_all_mistakes_of_a_run_are_shown_and_counted() -> None:
    text = shown(Mistakes([UNKNOWN, InputError("unknown role `mial`")]))
    assert text.count("error: ") == 2
    assert text.endswith("error: unknown role `mial`\n\n2 mistakes.")


def test_one_mistake_is_not_counted() -> None:
    assert shown(Mistakes([UNKNOWN])) == shown(UNKNOWN)


def test_a_place_that_cannot_be_read_is_still_named() -> None:
    assert "--> inventory.yml:3:5" in shown(UNKNOWN, UNREADABLE)
    assert "did you mean `postfix_parameters`?" in shown(UNKNOWN, UNREADABLE)


def test_a_password_beside_a_mistake_is_hidden_and_the_mark_still_fits() -> None:
    line = INVENTORY[4]
    text = shown(InputError("unknown key", where=Location("i.yml", 5, line.index("qouta") + 1, 5)))
    source, marks = text.splitlines()[3:5]
    assert "hunter2" not in text
    assert source[marks.index("^") : marks.index("^") + 5] == "qouta"
    assert marks.count("^") == 5


def test_a_long_line_is_cut_around_the_mark() -> None:
    line = "- " + "a" * 300 + "WRONG" + "b" * 300
    sources = Sources(name=lambda file: file, line=lambda where: line)
    text = shown(InputError("bad", where=Location("i.yml", 1, 303, 5)), sources, width=60)
    source, marks = text.splitlines()[3:5]
    assert len(source) <= 60
    assert source[marks.index("^") : marks.index("^") + 5] == "WRONG"


def test_escape_sequences_in_a_message_a_line_or_evidence_do_not_reach_the_terminal() -> None:
    sources = Sources(name=lambda file: file, line=lambda where: "key: \x1b[2Jx")
    error = AuthenticationError(
        "refused\x1b[1m", where=Location("i\x1b.yml", 1, 1, 3), hint="try\x1b", evidence=["said \x1b[31m"]
    )
    text = shown(error, sources)
    assert "\x1b" not in text
    assert text.count("\\x1b") == 5


def test_a_document_holds_what_the_text_holds() -> None:
    document = error_document(Mistakes([UNKNOWN, InputError("unknown role", hint="see provision role list")]))
    assert document["kind"] == "input"
    assert document["mistakes"] == [
        {
            "kind": "input",
            "message": "unknown variable `posfix_parameters` for mx1.example.org",
            "hint": "",
            "where": {"file": "inventory.yml", "line": 3, "column": 5},
            "note": "did you mean `postfix_parameters`?",
        },
        {"kind": "input", "message": "unknown role", "hint": "see provision role list"},
    ]
