"""The provider's past: its import, and `cases` made of it; may import workflow and what lies below."""
