"""Being told: rules over what nodes say, incidents while a rule is broken, and messages to channels.

Rules read what telemetry and fleet have written; nothing here measures. What is sent goes out through egress alone.
"""
