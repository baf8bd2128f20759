"""vCard: content lines that keep their octets, checks of a card, and the search index."""
