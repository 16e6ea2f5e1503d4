"""Nodes, their enrolment, what they should run and what they say about it.

Here live nodes, tokens, assignments, bundles, presence and reports, and the parts of the gateway that answer for
them. Counters belong to `telemetry`; who moves assignments from one revision to the next, to `delivery`.
"""
