"""Text from Slack: message payloads, Block Kit and mrkdwn, parsed into `core.text` nodes."""
