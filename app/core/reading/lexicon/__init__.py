"""The phrases that texts are searched for: a data file for each subject, and a module of its name that reads it."""
