"""Verification: the roles' checks on the hosts, and every deployed port from outside."""
