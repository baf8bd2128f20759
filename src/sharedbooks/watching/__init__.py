"""What a running server tells about itself: numbers, counted by all its processes, and its log."""
