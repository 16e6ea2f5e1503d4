"""Counters that nodes tell: taking them in, keeping them over time, rates and totals.

What a node is and what it should run belongs to `fleet`. Event contents never come here.
"""
