"""The past decided anew by a policy: judged on all cores, counted, reported; may import history and what lies below."""
