"""Every sentence that is shown to a person in Slack: one module a surface, mrkdwn unless it says
otherwise."""
