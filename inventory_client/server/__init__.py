"""The reference InventoryService: the embedded ledger served over the contract in `openapi.yaml`."""
