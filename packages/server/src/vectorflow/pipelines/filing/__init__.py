"""How people keep their pipelines in order: folders, tags, and filters that they have saved."""
