"""Data keys, key providers, sealing and signing keys.

What lives here turns a value into ciphertext that only its own cell can be opened from, and makes the keys
that sign what nodes run. What is sealed, and why, is known by the rooms above; nothing here has routes.
"""
