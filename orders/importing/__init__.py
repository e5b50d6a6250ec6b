"""Reading files of orders placed elsewhere. The format stands in docs/importing.md."""
