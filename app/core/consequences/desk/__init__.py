"""What staff must know and can do beyond one order: work that nobody pays for, what is left to them, whole groups."""
