"""Who changed what: storefronts, keys, endpoints, stock, accounts and groups, with values before and after."""
