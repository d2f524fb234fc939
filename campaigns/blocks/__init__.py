"""Blocks: words that several messages share, such as a footer, and that are changed in one place."""
