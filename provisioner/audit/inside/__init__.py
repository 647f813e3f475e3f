"""The audit from inside: what only somebody on the server can see, read in one exchange and judged here."""
