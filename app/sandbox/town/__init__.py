"""The sandbox's customers, and their stories."""
