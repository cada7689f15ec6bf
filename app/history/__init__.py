"""The provider's past: its import, and the `cases` built from it; may import workflow and what is below."""
