"""Stores webhooks in the inbox by group commit, with a writer for each database; may import tables, db and core."""
