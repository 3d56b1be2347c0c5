"""The database: requests, customer links, drafts, a key-value store. A method is a transaction."""
