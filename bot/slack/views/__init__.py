"""Views: the sentences and the Block Kit of what people see in Slack, one file a surface."""
