"""The servers, ports and encryption that a mail program needs for an address, and where that is written.

`sources.py` asks the places that mail programs ask, in their order: the domain's own autoconfig and
Autodiscover documents, its SRV records (RFC 6186, RFC 8314 §5.1), the provider whose servers take
its mail, and as a last resort the names that people try by hand. `choose.py` says which servers to
take of what was found. Nothing but the address's domain is ever sent anywhere.
"""
