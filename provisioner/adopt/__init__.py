"""A mail server that was made by hand, read and described as an inventory.

    seen = read(connection)          # one exchange, changes nothing
    described = describe(seen)       # pure: variables, secrets, files, and a note for each decision
    adopted = write(described, …)    # into a folder; then compared with what apply would deploy

What the roles say in variables becomes variables; what they don't is kept as an override where that
works; the rest is listed with what to do about it.
"""
