"""Unit tests as Vector writes them under ``tests``: read, run on the transforms they name, and reported.

What lives here reads no file and opens no connection; sources and sinks are never made. The ``sandbox`` does
the same in a process that can be killed, for servers.
"""
