"""What `copilot eval` can score, one kind of data a file."""
