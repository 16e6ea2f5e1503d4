"""Platform: database, jobs, bus, HTTP plumbing, logs and metrics. No word of the domain lives here."""
