"""The phrases that texts are searched for, one file per subject; they import nothing. They become data files."""
