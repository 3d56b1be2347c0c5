"""Plain Bridge: Slack messages become Plain threads, exactly one each."""
