"""The words every room shares: ids, the clock, errors, permissions, audit actions, actors, events.

Nothing here does I/O, knows a database or a web framework, or holds a rule of any one room.
Room-specific types and errors live in their rooms.
"""
