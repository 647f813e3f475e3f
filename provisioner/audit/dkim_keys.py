"""Which DKIM keys of a domain an audit looks at: those the user names, those a message names, common ones.

DNS can't be asked for all selectors of a domain. Three sources help: the person, a message that the
domain has sent, and a list of selectors that many services use (`dkim_selectors.yml`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from provisioner.authentication import dkim
from provisioner.authentication.dkim import FoundKey
from provisioner.authentication.lookup import Asks
from provisioner.dns.resolver import Reply, Status

NOBODY = "no-such-selector-0f9a"
"""A selector that nobody has; if it has a key, a wildcard answers for all."""
AT_ONCE = 8
"""Questions under way at the same time."""


@dataclass(frozen=True)
class Looked:
    """A key that was looked for. `meant` ones must be there: the user or a message named them."""

    selector: str
    domain: str
    found: FoundKey
    meant: bool
    used_by: str = ""
    """Who often uses such a selector; `""` where nobody in particular does."""


@dataclass(frozen=True)
class Keys:
    """What a domain has under `_domainkey`."""

    domain: str
    node: Reply
    """The answer for `_domainkey.DOMAIN`: NXDOMAIN says that there is no key at all (RFC 8020 §2)."""
    wildcard: FoundKey | None
    """What a selector that nobody uses has; None where it has nothing."""
    looked: tuple[Looked, ...]
    """Those that were named, and those of the common ones that are there."""
    tried: int
    """How many common selectors were tried."""
    doubled: bool = False
    """There is something at `_domainkey.DOMAIN.DOMAIN`: a name in a zone file that lacks its last dot."""


@cache
def common_selectors() -> Mapping[str, str]:
    """Selector and who uses it, from `dkim_selectors.yml`."""
    import yaml

    text = (Path(__file__).parent / "dkim_selectors.yml").read_text(encoding="utf-8")
    return {
        str(selector): str(entry["used_by"])
        for entry in yaml.safe_load(text)
        for selector in entry["selectors"]
    }


def keys_of(domain: str, resolver: Asks, named: Iterable[tuple[str, str]] = ()) -> Keys:
    """Look at the keys of `domain`; `named` are further ones as (selector, domain)."""
    asked = tuple(dict.fromkeys(named))
    node = resolver.ask(f"_domainkey.{domain}", "TXT")
    meant = [Looked(*one, dkim.find_key(one[1], one[0], resolver.ask), True) for one in asked]
    if not node.answered:
        return Keys(domain, node, None, tuple(meant), 0)
    if node.status is Status.NXDOMAIN:
        twice = resolver.ask(f"_domainkey.{domain}.{domain}", "TXT").status
        return Keys(domain, node, None, tuple(meant), 0, twice in (Status.FOUND, Status.NODATA))
    nobody = dkim.find_key(domain, NOBODY, resolver.ask)
    if nobody.keys:
        return Keys(domain, node, nobody, tuple(meant), 0)
    rest = [selector for selector in common_selectors() if (selector, domain) not in asked]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda selector: dkim.find_key(domain, selector, resolver.ask), rest)
        common = [
            Looked(selector, domain, key, False, common_selectors()[selector])
            for selector, key in zip(rest, found, strict=True)
            if key.keys or key.reply.aliases
        ]
    return Keys(domain, node, None, (*meant, *common), len(rest))
