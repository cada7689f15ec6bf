"""Tables of the database, one file per group; `everything` has them all."""
