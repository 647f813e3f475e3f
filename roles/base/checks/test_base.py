"""The host itself: its name, its clock, its security updates."""

import pytest


def test_the_host_calls_itself_by_its_name(host, variables):
    name = host.file("/proc/sys/kernel/hostname").content_string.strip()
    may_take_another = host.run("systemd-analyze condition ConditionCapability=CAP_SYS_ADMIN").succeeded
    if name.lower() != variables["base_hostname"] and not may_take_another:
        pytest.skip(f"a container that may not change its host name: started as {name}")
    assert name.lower() == variables["base_hostname"]


def test_the_clock_is_kept_right(host, variables):
    if not variables["base_time_sync"]:
        pytest.skip("base_time_sync is off")
    if host.run("systemd-detect-virt --container --quiet").succeeded:
        pytest.skip("in a container the machine beneath keeps the clock")
    said = host.run("timedatectl show --property=NTPSynchronized --value").stdout.strip()
    assert said == "yes", "systemd-timesyncd has reached no time server: UDP port 123 must be open to go out"


def test_security_updates_come_by_themselves(host, variables):
    if not variables["base_security_updates"]:
        pytest.skip("base_security_updates is off")
    settings = host.run("apt-config dump APT::Periodic Unattended-Upgrade").stdout
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    assert "label=Debian-Security" in settings
    assert host.run("systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer").succeeded
