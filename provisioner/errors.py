"""The errors that people see: what happened, where, why, and what to do next.

Every error that a user can cause derives from `ProvisionError`. Library code raises them;
`provisioner.cli` alone turns them into text and exit codes. Exit codes are the public
contract: 2 input is wrong, 3 the answer is no, 4 put back, 5 not touched, 6 could not be put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file of the user's: 1-based line and column, and how wide the thing there is."""

    file: str
    line: int | None = None
    column: int | None = None
    width: int = 1

    def __str__(self) -> str:
        """`file:line:column`, as editors and compilers write it."""
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


class ProvisionError(Exception):
    """Something a person can mend. `kind` is stable and machine readable (the JSON `error.kind`)."""

    exit_code: ClassVar[int] = 2
    kind: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, where: Location | None = None, hint: str = "", note: str = ""
    ) -> None:
        """`message` says what happened; `note` goes beside the marked source line; `hint` says what to do."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.note = note


class InputError(ProvisionError):
    """The command line, an inventory, a role, a template or a secret is wrong; no host was contacted."""

    exit_code = 2
    kind = "input"


class Mistakes(InputError):
    """All the mistakes of one run, so that a person mends them together."""

    def __init__(self, mistakes: Sequence[InputError]) -> None:
        """`mistakes` is not empty; their order is the order they are shown in."""
        super().__init__(mistakes[0].message if len(mistakes) == 1 else f"{len(mistakes)} mistakes")
        self.mistakes = tuple(mistakes)


class AnswerIsNo(ProvisionError):
    """Nothing failed, but the answer is no: changes are pending, or a check failed."""

    exit_code = 3
    kind = "no"


class EditedOnHost(AnswerIsNo):
    """Somebody edited on the host what would be overwritten, and nobody said whether to."""

    kind = "edited"


class NotBegun(AnswerIsNo):
    """The host was left as it is since other hosts of the run failed; its changes are pending."""

    kind = "not-begun"


class Locked(AnswerIsNo):
    """The host was left as it is since somebody holds it: another transaction, or a person's lock."""

    kind = "locked"


class Interrupted(ProvisionError):
    """The person, or the machine, ended the run before this was done."""

    exit_code = 130
    kind = "interrupted"


class HostError(ProvisionError):
    """A host-side failure; `evidence` is what the host said, raw: the reporter escapes it."""

    def __init__(
        self,
        message: str,
        *,
        where: Location | None = None,
        hint: str = "",
        note: str = "",
        evidence: Sequence[str] = (),
    ) -> None:
        """`evidence` holds lines as the host sent them."""
        super().__init__(message, where=where, hint=hint, note=note)
        self.evidence = tuple(evidence)


class PutBack(HostError):
    """The host failed while being changed, and is as it was before."""

    exit_code = 4
    kind = "rolled-back"


class NotTouched(HostError):
    """The host was not changed, since it could not be reached, trusted or logged in to."""

    exit_code = 5
    kind = "unreachable"


class HostKeyError(NotTouched):
    """The host's key is unknown, or differs from the one on record."""

    kind = "host-key"


class AuthenticationError(NotTouched):
    """The host refused every credential, or sudo refused."""

    kind = "authentication"


class Defect(HostError):
    """A defect in this program, met while it worked on one host; the other hosts go on."""

    exit_code = 1
    kind = "defect"

    @classmethod
    def of(cls, problem: Exception) -> Defect:
        """Where it happened, but no value: a value may be secret."""
        trace = problem.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace is not None else ""
        return cls(
            f"a defect in provision: {type(problem).__name__}{where}",
            hint="Please report it; PROVISION_DEBUG=1 shows the whole traceback.",
        )


class NotPutBack(HostError):
    """The host failed and could not be put back; what is left to do is in `evidence` and `hint`."""

    exit_code = 6
    kind = "failed"
