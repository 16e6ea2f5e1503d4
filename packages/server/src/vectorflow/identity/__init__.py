"""People: accounts, passwords, sessions, signing in and out.

What a person may do is not here: that is a membership, in tenancy. An organisation's administrator
never touches an account.
"""
