"""The provider's history: imported rows, the cases built from them, and their later changes."""
