"""What must come of every request: plain Python, written from the design and not from the code."""
