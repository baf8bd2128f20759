"""Bringing cards in and out of a book as files."""
