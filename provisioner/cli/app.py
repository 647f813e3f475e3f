"""The commands of `provision`, by name, and how each is found.

Start-up is part of every command's time, and completion runs it on each press of the tab key,
so that a command's module is imported only when that command is asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from provisioner import __version__
from provisioner.cli.errors import guarded
from provisioner.errors import InputError

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: the heading it stands under in the help, where it is, what it is for."""

    heading: str
    target: str
    """`module:name` of a function, or of a `typer.Typer` with commands of its own."""
    summary: str
    contacts_hosts: bool = False


_CLI = "provisioner.cli"

COMMANDS = {
    "init": Entry("Begin", f"{_CLI}.init:init_command", "start a git repository for mail servers"),
    "adopt": Entry("Begin", f"{_CLI}.adopt:adopt_command", "describe a running mail server as an inventory"),
    "inventory": Entry("Look, offline", f"{_CLI}.inventory:inventory_command", "what an inventory says"),
    "render": Entry("Look, offline", f"{_CLI}.render:render_command", "every file that would be deployed"),
    "diff": Entry("Look, offline", f"{_CLI}.diff:diff_command", "what changes between two git revisions"),
    "plan": Entry("Change hosts", f"{_CLI}.plan:plan_command", "show what apply would change", True),
    "apply": Entry("Change hosts", f"{_CLI}.plan:apply_command", "make hosts what the inventory says", True),
    "rollback": Entry(
        "Change hosts", f"{_CLI}.rollback:rollback_command", "bring hosts back behind an apply", True
    ),
    "history": Entry("Change hosts", f"{_CLI}.history:history_command", "what was applied, when, by whom"),
    "lock": Entry("Change hosts", f"{_CLI}.lock:lock_command", "keep others from changing hosts for a while"),
    "unlock": Entry("Change hosts", f"{_CLI}.lock:unlock_command", "end a lock before its time"),
    "verify": Entry("Check hosts", f"{_CLI}.verify:verify_command", "run the checks, reach every port", True),
    "dns": Entry("Names and keys", f"{_CLI}.dns:dns_command", "the DNS records that the domains need"),
    "secrets": Entry("Names and keys", f"{_CLI}.secrets:app", "secrets that live encrypted in git"),
    "hosts": Entry("Names and keys", f"{_CLI}.hosts:app", "forget a host's key after a reinstallation"),
    "audit": Entry("Diagnose", f"{_CLI}.audit:audit_command", "judge mail domains and servers, ours or not"),
    "test-connection": Entry(
        "Diagnose",
        f"{_CLI}.test_connection:test_connection_command",
        "walk a mail connection, explain failures",
    ),
    "settings": Entry("Diagnose", f"{_CLI}.settings:settings_command", "the servers that an address needs"),
    "blocklist": Entry(
        "Diagnose", f"{_CLI}.blocklist:blocklist_command", "whether a block list has an address"
    ),
    "explain": Entry(
        "Diagnose", f"{_CLI}.explain:explain_command", "what a reply, log, bounce or message means"
    ),
    "sandbox": Entry("Try and look up", f"{_CLI}.sandbox:app", "disposable Debian hosts on this machine"),
    "role": Entry("Try and look up", f"{_CLI}.role:app", "what roles there are, and all they declare"),
}
"""In the order of the help."""


class Commands(TyperGroup):
    """The group of all commands; loads each on demand, and lists them under their headings."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Every name, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of that name, imported now."""
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else load(cmd_name, entry)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command that `args` begins with; a name near it, where it is mistyped."""
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, COMMANDS, n=1)
            note = f"did you mean `{near[0]}`?" if near else ""
            raise InputError(f"no command `{name}`", note=note, hint="provision --help lists the commands.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list in `--help`, from the table alone."""
        widest = max(len(name) for name in COMMANDS)
        for heading in dict.fromkeys(entry.heading for entry in COMMANDS.values()):
            with formatter.section(heading):
                formatter.write_dl(
                    [(n.ljust(widest), e.summary) for n, e in COMMANDS.items() if e.heading == heading]
                )


class SubCommands(TyperGroup):
    """A command with commands of its own; its help says what each does in a whole sentence."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list in `--help`: the first sentence of each command's own help, folded and not cut."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, " ".join((command.help or "").split()).partition(". ")[0].rstrip(".")))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def load(name: str, entry: Entry) -> Command:
    """Import the module of a command and make the command of it."""
    module, _, attribute = entry.target.partition(":")
    target = getattr(import_module(module), attribute)
    command: Command
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(target)
        command = typer.main.get_command(single)
    else:
        target.rich_markup_mode = None
        target.info.cls = SubCommands
        command = typer.main.get_group(target)
    command.name = name
    return command


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"provision {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Provision, verify and audit mail servers: from one inventory to a working, proven server.

    Begin with `provision plan inventory.yml`: it shows what would change and changes nothing.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""

    def command() -> int:
        result = typer.main.get_command(app).main(
            args=list(arguments), prog_name="provision", standalone_mode=False
        )
        return result if isinstance(result, int) else 0

    words = [word for word in arguments if not word.startswith("-")]
    entry = COMMANDS.get(words[0]) if words else None
    name = " ".join(words[:2] if entry is not None and entry.target.endswith(":app") else words[:1])
    return guarded(command, arguments, entry is not None and entry.contacts_hosts, name)


def main() -> None:
    """The program `provision`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn developers: of an odd authority's certificate, say
    sys.exit(run(sys.argv[1:]))
