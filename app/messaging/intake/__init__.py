"""Webhooks into the inbox by group commit, with a writer for each database; may import tables, db and core."""
