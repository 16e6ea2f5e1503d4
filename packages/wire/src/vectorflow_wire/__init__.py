"""What agent and gateway say to each other: messages, tokens, signed envelopes, sealed secrets.

Here lives everything both ends must agree on, and nothing that only one of them needs: no HTTP, no
files, no database, no clock (callers pass the time). Times are epoch milliseconds, sizes bytes,
durations seconds. Unknown fields and unknown enum values are tolerated: an enum is a `str` with
known constants beside it.
"""
