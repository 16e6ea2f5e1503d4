"""`vectorflow up`: the whole product on one machine, with an agent and a pipeline on real input.

Starts and supervises the embedded PostgreSQL, the server, a receiver and one local agent. For trying and for
developing; a production installation runs `vectorflow serve` and installs agents.
"""
