"""Killing everything at random during rollouts, and judging from outside what became of it."""
