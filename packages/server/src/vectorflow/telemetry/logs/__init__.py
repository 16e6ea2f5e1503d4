"""Log lines of agents and engines: taken from nodes, listed, and forgotten after some days.

Captured events do not live here, nor the server's own log.
"""
