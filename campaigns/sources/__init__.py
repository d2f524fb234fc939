"""Sources: where live content of other servers comes from, and how it is asked for without being misled."""
