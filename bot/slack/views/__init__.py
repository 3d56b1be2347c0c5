"""Views: the sentences and the Block Kit of each surface that people see in Slack."""
