"""What a mail server's answer, a log line, a bounce or a message's headers mean, in plain words.

`kinds.yml` holds the kinds of failure, each with its sentence, whose side it is on and what to do.
`wordings.yml` says which words of which server mean which kind; `codes.yml` what the enhanced status
codes mean (RFC 3463, IANA's registry) where no wording is known. `replies.py` puts them together.
"""
