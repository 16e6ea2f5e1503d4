"""Reading and writing configuration text: YAML 1.2, TOML and JSON to plain values and back.

Positions, limits and duplicate keys are looked after here. What the values mean is not known here;
that is the work of `importer` and `compiler`.
"""
