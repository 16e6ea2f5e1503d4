"""HTTP plumbing every room's routes use: problems, entity tags, cursors, idempotency, event streams.

No route of the product lives here, and nothing here knows a session, an organisation or a room.
"""
