"""The SQL of the vault, a module for each noun."""
