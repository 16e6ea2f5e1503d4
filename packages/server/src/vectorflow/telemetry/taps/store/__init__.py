"""The SQL of taps and captures, a file for each noun."""
