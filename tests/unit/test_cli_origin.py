from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.origin import origin_of
from provisioner.inventory import load_inventory
from provisioner.plan import Plan
from provisioner.resources.observed import Observed
from provisioner.roles.model import Desired

INVENTORY = """\
all:
  hosts:
    mx1.example.org:
  vars:
    postfix_parameters:
      message_size_limit: 104857600
    mail_domains:
      example.org:
        users:
          alice: {aliases: [a.smith]}
        aliases:
          info: [alice]
      example.net:
        aliases: {"@": [alice@example.org]}
"""


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("message_size_limit = 104857600", "inventory.yml:6 postfix_parameters"),
        ("info@example.org alice@example.org", "inventory.yml:12 mail_domains"),
        ("# The inventory sets message_size_limit", ""),
        # Its right side stands in the inventory, in another domain: that is not where it comes from.
        ("a.smith@example.org alice@example.org", ""),
        ("@example.org alice@example.org", ""),
        ("smtpd_banner = $myhostname ESMTP", ""),
    ],
)
def test_a_line_is_led_back_to_the_inventory_only_where_that_is_certain(
    line: str, origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (host,) = load_inventory("inventory.yml").hosts
    assert origin_of(Plan(Desired(host, "bookworm", ()), Observed()))(line) == origin
