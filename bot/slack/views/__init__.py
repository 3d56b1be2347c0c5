"""Build what people see in Slack, sentences and Block Kit: one file per surface."""
