"""Where the panel and we differ, found by comparing and put right; may import workflow and what lies below."""
