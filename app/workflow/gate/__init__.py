"""The gate: may the panel build this order now? It asks during a checkout, so the answer has a deadline."""
