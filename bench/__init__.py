"""Measurements against peers and floors; `make bench` runs them and prints ratios."""
