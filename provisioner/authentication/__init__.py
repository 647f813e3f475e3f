"""Sender authentication: may this server send for this domain, and is this message its sender's?

Each standard has a module, named as the standard is, with a pure evaluator over a look-up function.
`Resolver.ask` is such a function, and so is a dictionary behind `ask` in a test. Nothing here opens a
connection, looks at the time of day, or raises for what a record or a message says.

    spf.evaluate(ip, mail_from, helo, lookup)       RFC 7208  is this address allowed to send for the domain
    spf.parse(text), spf.survey(domain, lookup)               a record; a record with all that it includes
    dkim.verify(message, lookup)                    RFC 6376  each signature: valid, or why not
    dkim.parse_key(text), dkim.find_key(…)                    a key record
    dmarc.evaluate(from_domain, spf, signatures, lookup)  RFC 9989  does what passed belong to the author
    dmarc.parse(text), dmarc.discover(domain, lookup)         a policy; the one that holds for a domain
    dmarc.consents(domain, record, lookup)          RFC 9990  do receivers of reports agree to get them
    arc.verify(message, lookup)                     RFC 8617  what earlier receivers saw, and who vouches
    authentication_results.parse(field)             RFC 8601  what a receiver wrote into the header
    bimi.parse(text)                                          where a domain's logo is

A whole message, as it was received from `ip` (`resolver` is a `provisioner.dns.resolver.Resolver`):

    sent = spf.evaluate(ip, mail_from, helo, resolver.ask)
    signatures = dkim.verify(message, resolver.ask)
    verdict = dmarc.evaluate_message(message, sent, signatures, resolver.ask)
"""

from __future__ import annotations
