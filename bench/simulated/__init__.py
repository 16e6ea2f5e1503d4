"""A simulated fleet for the gateway's benchmark: agents on raw sockets, and a house of real roles to meet them.

Here lives the load and its ledger; what is measured and printed stands in `bench/gateway.py`.
"""
