"""The command line: parse, call, print; no logic here."""

from __future__ import annotations


def main() -> None:
    """Run `provision`."""
    from provisioner.cli.app import main as run

    run()
