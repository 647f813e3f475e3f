"""The seeded faults of web servers: MTA-STS policies that nginx serves on the host of the name servers.

Each seed has a site `mta-sts.NAME.test` of its own there, with a certificate of its own. At one more port
nginx is taken for a mail server.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_seeds import MX, Fault, Faults, Seed, doubts, fails
from tests.hosts.lab_names import write_files
from tests.unit.certificate_making import CA, Made, make

NGINX = "nginx 1.22"
RECORD = '_mta-sts TXT "v=STSv1; id=20260101T000000"\n'
POLICY = "version: STSv1\nmode: {mode}\n{mx}max_age: {max_age}\n"
WELL_KNOWN = "/.well-known/mta-sts.txt"
SILENT = 2500
"""Where a server takes connections and waits for the client to speak first."""


@dataclass(frozen=True)
class WebSeed(Seed):
    """A domain with the site of its MTA-STS policy."""

    policy: str = ""
    """What is served; empty: no such file."""
    site: str = ""
    """Lines of nginx for the site."""
    certificate: str = "own"
    """`own`, or how it is wrong: `name`, `old`, `self`."""

    @property
    def host(self) -> str:
        """The name of the site."""
        return f"mta-sts.{self.domain}"


def sts(
    name: str,
    wrong: Faults,
    *,
    mode: str = "enforce",
    max_age: int = 604800,
    mx: tuple[str, ...] = ("mx1.{}", "*.{}"),
    policy: str | None = None,
    site: str = "default_type text/plain;",
    certificate: str = "own",
    record: str = RECORD,
    where: str = NGINX,
    sound: tuple[str, ...] = (),
) -> WebSeed:
    """A domain whose policy is enforced for a week and names its MX hosts, but for what is said otherwise."""
    lines = "".join(f"mx: {one.format(f'sts-{name}.test')}\n" for one in mx)
    text = POLICY.format(mode=mode, max_age=max_age, mx=lines) if policy is None else policy
    records = f"{record}mta-sts A {{idle}}\n{MX}"
    return WebSeed(f"sts-{name}", wrong, records, where, sound, text, site, certificate)


ZONE = "a zone of Knot"
MOVED = f"location = {WELL_KNOWN} {{ return 301 https://mta-sts.sts-sound.test{WELL_KNOWN}; }}"
FAULTY = (
    sts("none", fails(mta_sts__present="no record"), record="", where=ZONE),
    sts(
        "typo",
        fails(mta_sts__record="`id=2026-01-01`"),
        record='_mta-sts TXT "v=STSv1; id=2026-01-01"\n',
        where=ZONE,
    ),
    sts("two", fails(mta_sts__record="two records"), record=RECORD + RECORD.replace("T0", "T1"), where=ZONE),
    sts("gone", fails(mta_sts__fetch="404"), policy=""),
    sts("moved", fails(mta_sts__fetch="301 to a policy that is sound"), site=MOVED),
    sts("name", fails(mta_sts__certificate="a certificate for another name"), certificate="name"),
    sts("old", fails(mta_sts__certificate="ended ten days ago"), certificate="old"),
    sts("self", fails(mta_sts__certificate="self-signed"), certificate="self"),
    sts("html", fails(mta_sts__media_type="`text/html`"), site="default_type text/html;"),
    sts("page", fails(mta_sts__policy="a page in place of a policy"), policy="<html>Welcome</html>\n"),
    sts("test", doubts(mta_sts__mode="`mode: testing`"), mode="testing"),
    sts("hour", doubts(mta_sts__max_age="`max_age: 3600`"), max_age=3600),
    sts("ages", fails(mta_sts__max_age="`max_age: 63115200`"), max_age=63115200),
    sts("mx", fails(mta_sts__mx="only one of two MX hosts in the policy"), mx=("mx1.{}",)),
)
STS = (
    *FAULTY,
    sts("sound", {}, sound=tuple(dict.fromkeys(identity for seed in FAULTY for identity in seed.wrong))),
)

LATE = Seed(
    "late",
    {"audit.complete": Fault("an SRV record that leads to a web server, and `--time-limit 4`", "error")},
    f"_submission._tcp SRV 0 1 {SILENT} mx1\n{MX}",
    where=NGINX,
)
"""With a short time for all of it."""


def certificate(seed: WebSeed) -> Made:
    """What its site shows."""
    if seed.certificate == "self":
        return make("web", names=(seed.host,))
    if seed.certificate == "old":
        return make("web", CA, names=(seed.host,), begins=-40, days=30)
    return make("web", CA, names=(f"www.{seed.domain}" if seed.certificate == "name" else seed.host,))


def serve(host: SandboxHost) -> None:
    """Write every site and start nginx."""
    blocks = [
        "server_names_hash_bucket_size 128;",
        "server { listen 443 ssl default_server; ssl_reject_handshake on; }",
        f"server {{ listen {SILENT}; }}",
    ]
    files = {}
    for seed in STS:
        made = certificate(seed)
        files[f"etc/lab/{seed.name}.pem"], files[f"etc/lab/{seed.name}.key"] = made.pem, made.key_pem
        if seed.policy:
            files[f"srv/web/{seed.name}{WELL_KNOWN}"] = seed.policy
        blocks.append(
            f"server {{ listen 443 ssl; server_name {seed.host}; root /srv/web/{seed.name};\n"
            f"types {{}} {seed.site}\n"
            f"ssl_certificate /etc/lab/{seed.name}.pem; ssl_certificate_key /etc/lab/{seed.name}.key; }}"
        )
    files["etc/nginx/conf.d/lab.conf"] = "\n".join(blocks)
    write_files(host, files)
    succeed(host, "nginx -t 2>&1 && systemctl restart nginx")
