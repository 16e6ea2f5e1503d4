"""Pipelines: the draft that people edit, and the revisions made from it.

Drafts, checks, imports, differences and immutable revisions live here, with the catalogue that forms are made
from. What runs where is decided above; what Vector's configuration means is known by the topology package.
"""
