"""What may be asked for, field by field."""
