"""The HTTP face of the order service."""
