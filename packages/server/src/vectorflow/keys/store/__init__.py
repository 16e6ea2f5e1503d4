"""The SQL of the room, by what it is about."""
