"""Drift: what somebody edited on a host, set against what roles last brought and what they bring now.

Three inputs decide: what we wrote, what is there, what is wanted. `merge` puts their change into what
is wanted where the two do not meet; `settings` finds the line of the inventory that would keep it.
"""
