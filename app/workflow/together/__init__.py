"""New accounts that order together: remembered, judged again as their group grows, and acted on as a whole."""
