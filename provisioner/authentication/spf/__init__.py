"""SPF (RFC 7208): which addresses may send mail in the name of a domain.

A domain publishes a TXT record such as `v=spf1 mx -all`: the hosts of its MX may send, nobody else.
A receiver takes the address that connects, the domain of MAIL FROM and the name of HELO, and
works through the record's terms until one matches; `evaluate` does that. Since a record may include
those of others, its true length is known only with them: `survey` follows them all.
"""

from __future__ import annotations

from provisioner.authentication.spf.evaluation import evaluate
from provisioner.authentication.spf.record import Directive, Modifier, Record, is_spf, parse
from provisioner.authentication.spf.result import Question, Result, SpfResult
from provisioner.authentication.spf.rewriting import merged, rewritten
from provisioner.authentication.spf.survey import Survey, Term, Visit, survey

__all__ = [
    "Directive",
    "Modifier",
    "Question",
    "Record",
    "Result",
    "SpfResult",
    "Survey",
    "Term",
    "Visit",
    "evaluate",
    "is_spf",
    "merged",
    "parse",
    "rewritten",
    "survey",
]
