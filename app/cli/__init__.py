"""The command line, a file for each command; may import every room."""
