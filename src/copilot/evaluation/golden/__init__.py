"""Golden sets: cases from life, and from a knowledge base, for a person to accept."""
