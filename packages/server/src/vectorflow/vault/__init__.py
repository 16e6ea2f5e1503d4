"""Secrets of an environment, and which pipelines use them.

Values go in and never come out through the API; only the signer reads them, to seal them to a node. How a
value is sealed is the business of `keys`; which component refers to a secret is known by the rooms above.
"""
