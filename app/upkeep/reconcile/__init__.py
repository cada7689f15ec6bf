"""Finding and repairing differences between the panel and us; may import workflow and what is below."""
