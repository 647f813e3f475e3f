"""DNS block lists (RFC 5782): whether an address or a name is on one, what that means, how to get off it."""
