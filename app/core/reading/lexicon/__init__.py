"""The phrases that reading looks for, a file for each subject; they import nothing. They become data files."""
