"""The record that should be there instead: an admin wants to paste it, not to work it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provisioner.authentication.spf.record import Directive, Modifier, Record

_STRICTEST = ("-", "~", "?", "+")


def rewritten(
    record: Record, *, keep: Callable[[Directive | Modifier], bool] = lambda term: True, ending: str = ""
) -> str:
    """The record without terms that are mistaken or that `keep` rejects, `all` last.

    `ending` such as `-all` replaces the `all` of the record; a redirect then goes, for it would mean nothing.
    """
    kept = [term for term in record.terms if keep(term)]
    last = ending or (record.all.text if record.all is not None else "")
    body = [term.text for term in kept if isinstance(term, Directive) and term.mechanism != "all"]
    modifiers = [
        term.text for term in kept if isinstance(term, Modifier) and (term.name != "redirect" or not last)
    ]
    return " ".join(("v=spf1", *body, *([last] if last else []), *modifiers))


def merged(records: Sequence[Record]) -> str:
    """Several records as one: every term once, and the strictest `all` of them at the end."""
    terms: list[str] = []
    endings = []
    for record in records:
        for term in record.terms:
            if isinstance(term, Directive) and term.mechanism == "all":
                endings.append(term.qualifier)
            elif term.text not in terms:
                terms.append(term.text)
    ending = min(endings, key=_STRICTEST.index, default="~")
    return " ".join(("v=spf1", *terms, f"{'' if ending == '+' else ending}all"))
