"""The command line's work on files: check, import, export, format, compare and draw, without a server.

What lives here reads files, asks topology and engine about them, and prints what they say. No rule
about Vector's configuration lives here, and nothing here touches network or database.
"""
