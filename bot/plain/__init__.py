"""Plain's GraphQL API: the protocol without I/O, the operations, and the client over httpx."""
