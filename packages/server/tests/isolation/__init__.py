"""The generated isolation suite: rows, cases and mutants made from the database's own catalogue. What single rooms
promise about their own statements is tested with those rooms.
"""
