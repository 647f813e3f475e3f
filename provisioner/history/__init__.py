"""What was applied to hosts, and the way back: `provision history` and `provision rollback`.

Each host remembers its own transactions. A rollback is one more of them: what it brings comes from
what earlier ones have saved, and not from the inventory.
"""
