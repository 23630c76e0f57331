"""What the API and the console both need to speak HTTP."""
