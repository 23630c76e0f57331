"""One file per criterion; each is a `Metric` (metric.py)."""
