"""A local Slack and Plain that the real bridge runs against; no code is shared with its clients."""
