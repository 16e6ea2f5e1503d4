"""What is wrong on this machine, and what to do about it: `vectorflow-agent doctor`.

What lives here only looks: it takes no lock, writes nothing into the state folder and works with the
agent stopped, with a broken state folder and without a network.
"""
