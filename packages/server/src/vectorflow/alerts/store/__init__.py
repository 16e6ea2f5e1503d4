"""The SQL of alerts, a file for each noun."""
