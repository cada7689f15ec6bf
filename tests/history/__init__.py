"""The provider's history: imported rows, the cases made of them, and what becomes of both."""
