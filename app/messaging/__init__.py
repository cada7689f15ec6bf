"""What must survive: the inbox, the outbox, and the workers that empty them. Knows no orders."""
