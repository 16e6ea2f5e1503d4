"""What the pages look like: recorded answers, the views that are pictured, and the comparison with the kept pictures."""
