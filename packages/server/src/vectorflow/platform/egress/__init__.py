"""Egress: the only way out of the server to the network.

Names are resolved once, every address of the answer is vetted, and the connection goes to a vetted address:
HTTP, SMTP, raw TLS and sockets for git. Nothing here knows a room, and no other module opens a connection.
"""
