"""Published versions of the policy, the active one, and muting; may import installation and the layers below."""
