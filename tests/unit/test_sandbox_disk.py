"""The disk of emulated hosts."""

from __future__ import annotations

from pathlib import Path

from provisioner.sandbox.disk import enable, mend_postfix


def test_postfix_that_was_left_without_ip_gets_it(tmp_path: Path) -> None:
    main_cf = tmp_path / "main.cf"
    main_cf.write_text("myhostname = x\ninet_protocols = \ninet_interfaces = all\n")

    mend_postfix(main_cf)

    assert main_cf.read_text() == "myhostname = x\ninet_interfaces = all\ninet_protocols = all\n"


def test_a_unit_is_enabled_again_without_complaint(tmp_path: Path) -> None:
    for _ in range(2):
        enable(tmp_path, "sysinit.target", "/usr/lib/systemd/system/x.service")

    link = tmp_path / "etc/systemd/system/sysinit.target.wants/x.service"
    assert str(link.readlink()) == "/usr/lib/systemd/system/x.service"
