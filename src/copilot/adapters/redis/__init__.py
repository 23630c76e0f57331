"""What several servers share while they work: live events and rate limits. Needs the extra `redis`."""
