"""A mail connection, step by step, as a mail program or another server makes it.

`walk.py` goes through name, connection, greeting, encryption, certificate, login, sender and
recipient, and stops at the first step that fails; `message.py` sends a message and looks for it.
What each failure means comes from `provisioner.explain`. Nothing here judges a server: that is
what `provisioner.audit` does.
"""
