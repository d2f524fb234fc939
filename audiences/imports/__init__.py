"""Importing people from a CSV file: looked at, mapped, rehearsed, then stored batch by batch, each row once."""
