"""Backups: a consistent copy of the whole database in one encrypted file, and back again.

`archive` is the file, `plan` says what is in it and what is not, `dump` writes it, `restore` loads it, `journal` keeps
the rights that were taken away outside the database, `shelf` is the folder with the files and their time to live.
"""
