"""The use cases, one module each; they reach Slack and Plain by the Protocols in `ports`."""
