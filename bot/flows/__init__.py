"""The story, one function per verb; what it needs of the world are the Protocols in `ports`."""
