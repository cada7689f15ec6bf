"""Published versions of the policy, the active one, and muting; may import installation and what lies below."""
