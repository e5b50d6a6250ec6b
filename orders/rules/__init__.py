"""What holds without a database: the life of an order, its words, its refusals, who may do what."""
