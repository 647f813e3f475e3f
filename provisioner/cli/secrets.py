"""`provision secrets`: the encrypted file beside the inventory, and who can read it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import InventoryPath, Json, Limit, VaultId, VaultPasswordFile
from provisioner.cli.prepare import keep, prepared
from provisioner.errors import AnswerIsNo, InputError

if TYPE_CHECKING:
    from provisioner.secrets import Secrets

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Secrets that live encrypted in git: secrets.yml beside the inventory, read with secrets.key.",
)

Beside = Annotated[
    Path,
    typer.Option(
        "--inventory",
        "-i",
        metavar="PATH",
        help="The inventory, or its folder, that the secrets lie beside.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As in {{ secrets.NAME }}.", show_default=False)]


@app.command()
def init(
    inventory: Beside = Path(),
    key_only: Annotated[
        bool,
        typer.Option("--key-only", help="Make only a key of one's own, for others to add to the recipients."),
    ] = False,
) -> None:
    """Make secrets.key and secrets.yml where they aren't there yet, and print one's public key."""
    from provisioner.report.terminal import standard
    from provisioner.secrets import own_public_keys

    folder = _folder(inventory)
    screen = standard()
    public, notice = own_public_keys(folder)
    if notice:
        screen.progress(notice)
    if not key_only:
        secrets = _open(inventory)
        if not secrets.path.exists():
            secrets.start()
            secrets.save()
            screen.progress(f"Made {secrets.path}. It belongs in git.")
        elif not set(public) & set(secrets.recipients()):
            raise InputError(
                f"{secrets.path} isn't encrypted for your key",
                hint=f"Send your public key to someone who can read it: {' '.join(public)}. They run "
                "`provision secrets rekey --add KEY` and commit.",
            )
    screen.result(*public)


@app.command("list")
def list_(inventory: Beside = Path(), as_json: Json = False) -> None:
    """List the names, and whom they are encrypted for. Needs no key."""
    from provisioner.report.terminal import standard

    secrets = _open(inventory)
    recipients = secrets.recipients() if secrets.path.exists() else ()
    if as_json:
        standard().document(
            {
                "format": 1,
                "command": "secrets list",
                "names": list(secrets.names()),
                "recipients": list(recipients),
            }
        )
        return
    standard().result(*secrets.names())
    standard().progress(*(f"readable for {one}" for one in recipients))


@app.command()
def view(name: Name, inventory: Beside = Path()) -> None:
    """Print one secret as it is, and a line end if it has none."""
    text = _open(inventory).get(name)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


@app.command("set")
def set_(
    name: Name,
    inventory: Beside = Path(),
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a random password, and don't show it.")
    ] = False,
) -> None:
    """Set a secret: asked for at a terminal, else read from standard input (its last line end dropped)."""
    from provisioner.secrets.kinds import make_simple

    secrets = _open(inventory)
    text = make_simple(name, {"kind": "password"}) if generate else _asked(name)
    if not text:
        raise InputError(f"nothing was given for `{name}`", hint="The secrets stay as they were.")
    secrets.put(name, text)
    keep(secrets)


@app.command()
def remove(name: Name, inventory: Beside = Path()) -> None:
    """Take a secret out. Git's history keeps it, for whoever has a key."""
    secrets = _open(inventory)
    secrets.put(name, None)
    secrets.save()


@app.command()
def edit(name: Name, inventory: Beside = Path()) -> None:
    """Change a secret in $VISUAL or $EDITOR. The text is in memory only, never on a disk."""
    from provisioner.cli.editor import edited
    from provisioner.report.terminal import standard

    secrets = _open(inventory)
    before = secrets.get(name) if name in secrets.names() else ""
    after = edited(before)
    if not before.endswith("\n"):  # editors end a file with a line end
        after = after.removesuffix("\n")
    if after == before or not after:
        standard().progress("Nothing changed.")
        return
    secrets.put(name, after)
    keep(secrets)


@app.command()
def rekey(
    inventory: Beside = Path(),
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add", metavar="KEY", help="A public key (age1…, ssh-ed25519 …) to let in.", show_default=False
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="KEY", help="A public key to shut out.", show_default=False),
    ] = None,
) -> None:
    """Encrypt everything anew, for the same or for other people.

    Who is shut out still has what they read, and what git's history holds: change those secrets too.
    """
    from provisioner.report.terminal import standard

    secrets = _open(inventory)
    recipients = dict.fromkeys(secrets.recipients(), "")
    for key in remove or []:
        if recipients.pop(key, None) is None:
            raise InputError(f"{key[:80]} is no recipient", hint="provision secrets list shows them.")
    for text in add or []:
        key, comment = _split_comment(text)
        recipients.setdefault(key, comment)
    if not recipients:
        raise InputError("then nobody could read the secrets", hint="Leave one recipient.")
    secrets.rekey(recipients)
    count = len(secrets.save())
    standard().progress(
        f"Encrypted anew for {len(recipients)} recipients: {count} secrets. Commit {secrets.path}."
    )


@app.command()
def make(
    inventory: InventoryPath,
    check: Annotated[
        bool, typer.Option("--check", help="Make nothing; exit 3 where something is missing, as in CI.")
    ] = False,
    limit: Limit = None,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Make the secrets that the inventory's roles need and that aren't there yet.

    apply does this too; a CI run can't commit what it made, and asks with --check beforehand.
    """
    from provisioner.report.terminal import standard

    secrets = prepared(inventory, limit, vault_password_file, vault_id, persist=not check).secrets
    if not secrets.generated:
        standard().progress("Every secret is there.")
    elif check:
        old = secrets.renewed
        lines = [f"{'runs out' if name in old else 'missing'}  {name}" for name in secrets.generated]
        standard().result(*lines)
        raise AnswerIsNo(
            "secrets are missing or run out",
            hint=f"Run `provision secrets make {inventory}` and commit {secrets.path}.",
        )
    else:
        keep(secrets)


def _folder(inventory: Path) -> Path:
    folder = inventory if inventory.is_dir() else inventory.parent
    if not folder.is_dir():
        raise InputError(f"{inventory} isn't there", hint="-i takes the inventory or its folder.")
    return folder


def _open(inventory: Path) -> Secrets:
    from provisioner.secrets import Secrets

    return Secrets.open(_folder(inventory), persist=True)


def _asked(name: str) -> str:
    """The new text, unseen, twice; or standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n")
    import getpass

    first = getpass.getpass(f"{name}: ", stream=sys.stderr)
    if first and getpass.getpass(f"{name} again: ", stream=sys.stderr) != first:
        raise InputError("the two inputs differ", hint="The secrets stay as they were.")
    return first


def _split_comment(text: str) -> tuple[str, str]:
    """A key, and what stands after it (`ssh-ed25519 AAAA… anna@laptop`, `age1… anna`)."""
    words = text.split()
    length = 2 if text.startswith("ssh-") else 1
    return " ".join(words[:length]), " ".join(words[length:])
