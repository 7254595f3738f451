"""One small module per noun; each store is bound to the transaction, and so to one school."""
