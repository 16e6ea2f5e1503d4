"""What the agent does: processes, HTTP and disk. Decisions are made in `core`."""
