"""The people who order there, and the stories that they live."""
