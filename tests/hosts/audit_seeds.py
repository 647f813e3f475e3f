"""The faults that are seeded for the audit from outside: for each check what was done, where, and with what.

A `Seed` is a mail domain `NAME.test`. Of the areas of the checks that it names it has exactly these faults
and no other, which is what `test_audit_faults.py` asserts on real name servers and servers; what it is
`sound` in is asserted too. `audit_faults_page.py` makes the page of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done, and what the check comes to."""

    what: str
    outcome: str = "fail"


def warns(what: str) -> Fault:
    """A fault that the audit only doubts."""
    return Fault(what, "warn")


Faults = dict[str, Fault]


@dataclass(frozen=True)
class Seed:
    """A mail domain `NAME.test`, the records in it, and what is wrong with it."""

    name: str
    wrong: Faults
    records: str = ""
    """A zone file whose origin is the domain. `{faulty}`, `{faulty6}`, `{idle}` are addresses of hosts."""
    where: str = "a zone of Knot"
    sound: tuple[str, ...] = ()
    """Checks of which it is the sound case."""

    @property
    def domain(self) -> str:
        """The mail domain."""
        return f"{self.name}.test"

    @property
    def areas(self) -> set[str]:
        """The areas in which it has no other fault."""
        return {identity.partition(".")[0] for identity in (*self.wrong, *self.sound)}


def fails(**faults: str) -> Faults:
    """`spf__void_lookups="…"`: the checks that fail, and what was done."""
    return {_identity(name): Fault(what) for name, what in faults.items()}


def doubts(**faults: str) -> Faults:
    """The checks that only warn, and what was done."""
    return {_identity(name): warns(what) for name, what in faults.items()}


def _identity(name: str) -> str:
    return name.replace("__", ".").replace("_", "-")


RSA = '"v=DKIM1; k=rsa; p={rsa2048}"'
MX = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A {idle}\nmx1 AAAA {idle6}\nmx2 A {idle}\nmx2 AAAA {idle6}\n"

SPF = (
    Seed(
        "spf-two",
        fails(spf__record="two SPF records"),
        '@ TXT "v=spf1 mx -all"\n@ TXT "v=spf1 a:gone.spf-two.test ptr +all"\n' + MX,
    ),
    Seed("spf-none", fails(spf__record="no SPF record"), MX),
    Seed("spf-typo", fails(spf__syntax="`ip4:300.1.2.3`"), '@ TXT "v=spf1 mx ip4:300.1.2.3 -all"\n' + MX),
    Seed(
        "spf-gone",
        fails(spf__includes="an include of a name without a record"),
        '@ TXT "v=spf1 mx include:mx1.spf-gone.test -all"\nmx1 TXT "no SPF"\n' + MX,
    ),
    Seed(
        "spf-many",
        fails(spf__lookups="`a:` eleven times"),
        '@ TXT "v=spf1 ' + " ".join(["a:mx1.spf-many.test"] * 11) + ' -all"\n' + MX,
    ),
    Seed(
        "spf-void",
        fails(spf__void_lookups="three names that are not there"),
        '@ TXT "v=spf1 a:a.spf-void.test a:b.spf-void.test a:c.spf-void.test -all"\n' + MX,
    ),
    Seed("spf-open", fails(spf__policy="no `all` at the end"), '@ TXT "v=spf1 mx"\n' + MX),
    Seed(
        "spf-long",
        doubts(spf__size="five hundred octets of TXT records"),
        '@ TXT "v=spf1 mx -all"\n' + "".join(f'@ TXT "{n:x>100}"\n' for n in range(5)) + MX,
    ),
    Seed(
        "spf-type",
        doubts(spf__type="a record of the type SPF as well"),
        '@ TXT "v=spf1 mx -all"\n@ SPF "v=spf1 mx -all"\n' + MX,
    ),
    Seed(
        "spf-all",
        fails(spf__everybody="`+all`", spf__policy="`+all` at the end"),
        '@ TXT "v=spf1 mx +all"\n' + MX,
    ),
    Seed("spf-wide", doubts(spf__ranges="`ip4:8.0.0.0/5`"), '@ TXT "v=spf1 mx ip4:8.0.0.0/5 -all"\n' + MX),
    Seed(
        "spf-lan",
        doubts(spf__private_addresses="`ip4:192.168.0.0/24`"),
        '@ TXT "v=spf1 mx ip4:192.168.0.0/24 -all"\n' + MX,
    ),
    Seed("spf-ptr", doubts(spf__ptr="`ptr`"), '@ TXT "v=spf1 mx ptr -all"\n' + MX),
    Seed(
        "spf-order",
        doubts(spf__order="`mx` behind `-all`"),
        '@ TXT "v=spf1 a:mx1.spf-order.test -all mx"\n' + MX,
    ),
    Seed("spf-odd", doubts(spf__modifiers="`reprot=me`"), '@ TXT "v=spf1 mx reprot=me -all"\n' + MX),
)
DKIM = (
    Seed("dkim-none", fails(dkim__present="nothing under `_domainkey`"), MX),
    Seed(
        "dkim-short",
        doubts(dkim__strength="an RSA key of 1024 bits"),
        'default._domainkey TXT "v=DKIM1; k=rsa; p={rsa1024}"\n' + MX,
    ),
    Seed(
        "dkim-test",
        fails(dkim__testing="`t=y`"),
        'default._domainkey TXT "v=DKIM1; k=rsa; t=y; " "p={rsa2048}"\n' + MX,
    ),
    Seed(
        "dkim-two",
        fails(dkim__one_record="two keys at one selector"),
        f'default._domainkey TXT {RSA}\ndefault._domainkey TXT "v=DKIM1; k=rsa; p={{rsa3072}}"\n' + MX,
    ),
    Seed(
        "dkim-use",
        fails(dkim__service="`s=tlsrpt`"),
        'default._domainkey TXT "v=DKIM1; k=rsa; s=tlsrpt; " "p={rsa2048}"\n' + MX,
    ),
    Seed(
        "dkim-tags",
        doubts(dkim__tags="`g=*`"),
        'default._domainkey TXT "v=DKIM1; k=rsa; g=*; " "p={rsa2048}"\n' + MX,
    ),
    Seed(
        "dkim-ed",
        doubts(dkim__rsa="an Ed25519 key only"),
        'default._domainkey TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n' + MX,
    ),
)

DKIM_NAMED = (
    Seed(
        "dkim-cut",
        fails(dkim__key="a key that is cut off", dkim__present="no key that can be used"),
        'named._domainkey TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhki"\n' + MX,
    ),
    Seed(
        "dkim-gone",
        fails(dkim__withdrawn="an empty `p=` where the signer's selector is", dkim__present="the same"),
        'named._domainkey TXT "v=DKIM1; p="\n' + MX,
    ),
    Seed(
        "dkim-alias",
        fails(dkim__alias="a CNAME to a name without a key", dkim__present="no key that can be used"),
        "named._domainkey CNAME gone\n" + MX,
    ),
    Seed("dkim-sound", {}, f"named._domainkey CNAME key\nkey TXT {RSA}\n" + MX, sound=("dkim.alias",)),
)
"""With `--selector named`."""


def dmarc(name: str, wrong: Faults, tags: str, more: str = "") -> Seed:
    """A domain whose DMARC record has these tags behind `v=DMARC1;`."""
    return Seed(name, wrong, f'_dmarc TXT "v=DMARC1; {tags}"\n@ TXT "v=spf1 mx -all"\n{more}{MX}')


RUA = "rua=mailto:r@good.test"
DMARCS = (
    Seed("dmarc-none", fails(dmarc__record="no DMARC record, nor one above"), MX),
    dmarc(
        "dmarc-typo",
        fails(
            dmarc__syntax="`p=rejekt` without `rua=`", dmarc__policy="the same", dmarc__reports="no `rua=`"
        ),
        "p=rejekt",
    ),
    dmarc("dmarc-none-p", doubts(dmarc__policy="`p=none`"), "p=none; rua=mailto:r@dmarc-none-p.test"),
    dmarc(
        "dmarc-sub",
        fails(dmarc__subdomains="`p=reject; sp=none`"),
        "p=reject; sp=none; rua=mailto:r@dmarc-sub.test",
    ),
    dmarc("dmarc-test", doubts(dmarc__testing="`t=y`"), "p=reject; t=y; rua=mailto:r@dmarc-test.test"),
    dmarc("dmarc-mute", fails(dmarc__reports="no `rua=`"), "p=reject"),
    dmarc(
        "dmarc-ask",
        fails(dmarc__report_consent="reports to a domain that has not agreed"),
        f"p=reject; {RUA}",
    ),
    dmarc(
        "dmarc-lost",
        fails(dmarc__report_receivers="reports to a name without MX or address"),
        "p=reject; rua=mailto:r@gone.dmarc-lost.test",
    ),
    dmarc(
        "dmarc-pct", doubts(dmarc__removed_tags="`pct=50`"), "p=reject; pct=50; rua=mailto:r@dmarc-pct.test"
    ),
    dmarc("dmarc-psd", fails(dmarc__public_suffix="`psd=y`"), "p=reject; psd=y; rua=mailto:r@dmarc-psd.test"),
)
LOGO = "l=https://bimi.test/logo.svg"
BIMI = (
    dmarc(
        "bimi-typo",
        fails(bimi__record="a logo over http"),
        "p=reject; rua=mailto:r@bimi-typo.test",
        'default._bimi TXT "v=BIMI1; l=http://bimi.test/logo.svg; a="\n',
    ),
    dmarc(
        "bimi-weak",
        fails(bimi__policy="a logo and `p=none`"),
        "p=none; rua=mailto:r@bimi-weak.test",
        f'default._bimi TXT "v=BIMI1; {LOGO}; a=https://bimi.test/vmc.pem"\n',
    ),
    dmarc(
        "bimi-bare",
        doubts(bimi__evidence="a logo without a certificate"),
        "p=reject; rua=mailto:r@bimi-bare.test",
        f'default._bimi TXT "v=BIMI1; {LOGO}; a="\n',
    ),
)
MXS = (
    Seed("mx-none", fails(mx__present="neither MX nor address"), '@ TXT "nothing"\n'),
    Seed("mx-null", fails(mx__null="a null MX beside another"), "@ MX 0 .\n" + MX),
    Seed("mx-addr", fails(mx__names="an address in place of a name"), "@ MX 5 192.0.2.1.\n" + MX),
    Seed("mx-alias", fails(mx__alias="an MX that is a CNAME"), "@ MX 5 www\nwww CNAME mx1\n" + MX),
    Seed("mx-twice", doubts(mx__duplicates="a host at two preferences"), "@ MX 50 mx1\n" + MX),
    Seed("mx-gone", fails(mx__resolves="an MX without an address"), "@ MX 5 gone\n" + MX),
    Seed("mx-six", fails(mx__ipv4="an MX with AAAA only"), "@ MX 5 six\nsix AAAA {idle6}\n" + MX),
    Seed("mx-four", fails(mx__ipv6="an MX with A only"), "@ MX 5 four\nfour A {idle}\n" + MX),
    Seed(
        "mx-lan", fails(mx__public="an MX at 127.0.0.1"), "@ MX 5 lan\nlan A 127.0.0.1\nlan AAAA ::1\n" + MX
    ),
)
NAMED = (
    Seed("rpt-none", fails(tls_rpt__present="no record"), MX),
    Seed(
        "rpt-typo",
        fails(tls_rpt__syntax="no `rua=`"),
        '_smtp._tls TXT "v=TLSRPTv1; rau=mailto:r@good.test"\n' + MX,
    ),
    Seed("caa-none", doubts(caa__present="no CAA record"), MX),
    Seed(
        "caa-typo",
        fails(caa__syntax="`issue` with a URL"),
        ('@ CAA 0 issue "https://ca.test/"\n@ CAA 0 issue "ca.test"\n@ CAA 0 iodef "mailto:p@good.test"\n')
        + MX,
    ),
    Seed(
        "caa-nobody",
        doubts(caa__issue="`issue` for nobody"),
        '@ CAA 0 issue ";"\n@ CAA 0 iodef "mailto:p@good.test"\n' + MX,
    ),
    Seed("caa-mute", doubts(caa__iodef="no `iodef`"), '@ CAA 0 issue "ca.test"\n' + MX),
    Seed("srv-gone", fails(services__srv="a record that leads to no host"), "_imaps._tcp SRV 0 1 993 gone\n"),
    Seed(
        "srv-shut",
        fails(services__promised="an SRV record of a closed port"),
        "_imaps._tcp SRV 0 1 993 mx1\n" + MX,
    ),
)
GOOD = Seed(
    "good",
    {},
    '@ TXT "v=spf1 mx -all"\ndefault._domainkey TXT ' + RSA + "\n"
    '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:r@good.test"\n'
    f'default._bimi TXT "v=BIMI1; {LOGO}; a=https://bimi.test/vmc.pem"\n'
    '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:r@good.test"\n'
    '@ CAA 0 issue "ca.test"\n@ CAA 0 iodef "mailto:p@good.test"\n'
    'dkim._domainkey TXT "v=DKIM1; p="\n' + MX,
    sound=(
        *dict.fromkeys(
            identity
            for seed in (*SPF, *DKIM, *DMARCS, *BIMI, *MXS, *NAMED[:-2])
            for identity in seed.wrong
            if identity != "mx.null"
        ),
        "dkim.withdrawn",
    ),
)
NULL = Seed("null", {}, '@ MX 0 .\n@ TXT "v=spf1 -all"\n', sound=("mx.null",))
RECORDS = (*SPF, *DKIM, *DMARCS, *BIMI, *MXS, *NAMED, GOOD, NULL)
