"""Which step of a playbook comes next: learned from finished conversations, else as written."""
