"""The organisation's log: redaction, canonical form, appending, listing, verifying the chain.

Here is no rule about who may do what, and nothing of the platform's own log yet. Entries are
collected by the transaction that does the work (`txn.audit`); this room appends them.
"""
