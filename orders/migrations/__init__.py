"""SQL functions live in `orders/sql/`. To change one, edit its file and add a migration that runs it again."""
