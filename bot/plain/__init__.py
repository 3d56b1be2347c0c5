"""Plain's GraphQL API: the protocol without I/O, the operations, and the port over httpx."""
