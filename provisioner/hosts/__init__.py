"""Hosts over SSH: connections, host keys, and the two exchanges (read, change)."""
