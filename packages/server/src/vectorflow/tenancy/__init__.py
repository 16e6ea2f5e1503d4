"""Organisations, teams, environments, memberships, and the one table of who may do what.

Accounts, passwords and sessions are identity's. What happens inside an environment (pipelines, nodes,
secrets) is the business of the rooms above, which ask the access this room resolves.
"""
