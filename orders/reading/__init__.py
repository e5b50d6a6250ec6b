"""An order as everyone sees it: documents, pages of them, past versions, what changed between two."""
