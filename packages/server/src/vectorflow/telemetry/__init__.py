"""Counters that nodes tell: taking them in, keeping them over time, rates and totals.

What a node is and what it should run belongs to `fleet`. Contents of events pass only through `taps`.
"""
