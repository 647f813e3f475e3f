"""Judging mail servers, ours or not: from outside by their records and ports, from inside over SSH."""
