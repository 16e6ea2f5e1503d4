"""Rollouts: what moves a pipeline's assignments from one revision to the next, in batches, and stops in time.

Assignments themselves, and what nodes report, belong to `fleet`; revisions to `pipelines`.
"""
