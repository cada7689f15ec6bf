"""What staff must know of an order before and after they act: work that nobody pays for, and what is left to them."""
