"""Edits of `secrets.yml` change what they mean to change, whatever the file looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import InputError
from provisioner.secrets import document, editing

NAMES = st.from_regex(r"[a-z0-9][a-z0-9./@=-]{0,12}", fullmatch=True)
CIPHER = document.BEGIN + "\nQUJD{}\n-----END AGE ENCRYPTED FILE-----\n"
CIPHERS = st.integers(0, 999).map(CIPHER.format)
CHANGES = st.dictionaries(NAMES, st.none() | CIPHERS, max_size=6)


def entries(found: document.Document) -> dict[str, str]:
    return {name: entry.cipher for name, entry in found.entries.items()}


@given(st.lists(CHANGES, max_size=5))
def test_any_run_of_edits_leaves_what_the_edits_say_in_order(edits: list[dict[str, str | None]]) -> None:
    found = editing.new("secrets.yml", {"age1abc": "anna", "age1def": ""})
    expected: dict[str, str] = {}
    for changes in edits:
        found = editing.edited(found, changes)
        expected = {name: cipher for name, cipher in ({**expected, **changes}).items() if cipher is not None}

    assert entries(found) == expected
    assert list(found.entries) == sorted(expected)
    assert [text for text, _ in found.recipients] == ["age1abc", "age1def"]
    assert "  - age1abc   # anna\n" in found.text


FORMS = st.sampled_from(
    [
        "  {name}: |\n    " + CIPHER.format(1).strip().replace("\n", "\n    ") + "\n",
        "  {name}: >-\n    " + CIPHER.format(1).strip().replace("\n", "\n\n    ") + "\n",
        "  {name}:\n    '" + CIPHER.format(1).strip().replace("\n", "\n\n    ") + "'   # why\n",
        '  "{name}": "' + CIPHER.format(1).replace("\n", "\\n") + '"\n',
    ]
)
BETWEEN = st.sampled_from(
    ["", "\n", "  # a comment\n", "# far left\n\n", "  # odd\x85  # line\n", "  #\u2028  # odd\n"]
)


@given(st.lists(st.tuples(FORMS, BETWEEN), min_size=1, max_size=4), st.integers(0, 3), BETWEEN)
def test_secrets_written_by_hand_in_any_form_survive_the_edit_of_a_neighbour(
    written: list[tuple[str, str]], which: int, before: str
) -> None:
    body = "".join(form.format(name=f"s{n}") + between for n, (form, between) in enumerate(written))
    text = f"recipients:\n  - age1abc\nsecrets:\n{before}{body}"
    found = document.parse("secrets.yml", text)
    name = f"s{which % len(written)}"
    assert set(found.entries) == {f"s{n}" for n in range(len(written))}

    changed = editing.edited(found, {name: CIPHER.format(2), "new": CIPHER.format(3)})

    assert entries(changed) == {**entries(found), name: CIPHER.format(2), "new": CIPHER.format(3)}
    assert changed.text.count("#") == text.count("#") - ("why" in written[which % len(written)][0])


def test_an_edit_that_would_lose_a_secret_that_refers_to_another_is_refused() -> None:
    armour = CIPHER.format(1).replace("\n", "\\n")
    text = f'recipients: []\nsecrets:\n  a: &same "{armour}"\n  b: *same\n'
    found = document.parse("secrets.yml", text)
    assert entries(found) == {"a": CIPHER.format(1), "b": CIPHER.format(1)}

    with pytest.raises(InputError, match="refer to one another"):
        editing.edited(found, {"a": CIPHER.format(2)})
    assert entries(editing.edited(found, {"b": CIPHER.format(2)}))["a"] == CIPHER.format(1)
