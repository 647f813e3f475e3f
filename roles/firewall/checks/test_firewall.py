"""The firewall: loaded, opens what the roles declare and SSH, drops the rest, holds after a restart."""


def rules(host):
    """Our table as the kernel has it."""
    return host.run("nft list table inet provision").stdout


def test_the_firewall_is_loaded_and_loads_at_boot(host):
    assert host.service("provision-firewall").is_running
    assert host.service("provision-firewall").is_enabled


def test_what_nobody_declared_is_dropped(host):
    assert "hook input priority filter; policy drop;" in rules(host)


def test_every_public_port_of_the_roles_is_open(host, desired):
    loaded = rules(host)
    public = [port.number for port in desired.ports if port.public]
    assert [number for number in public if f"tcp dport {number} accept" not in loaded] == []


def test_ssh_is_open_where_sshd_listens(host, variables):
    listening = host.run("ss --listening --tcp --numeric --processes --no-header").stdout
    ports = {
        int(line.split()[3].rsplit(":", 1)[1])
        for line in listening.splitlines()
        if '"sshd"' in line and not line.split()[3].startswith(("127.", "[::1]"))
    }
    unopened = ports - set(variables["firewall_ssh_ports"])
    assert not unopened, f"sshd listens on {sorted(unopened)}, which firewall_ssh_ports does not name"
