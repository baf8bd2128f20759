"""What sharedbooks is about: principals, books, grants, mounts, cards, changes and history."""
