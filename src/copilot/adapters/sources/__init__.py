"""Sources beyond this machine's disk: web pages, help centres and feeds, one file each."""
