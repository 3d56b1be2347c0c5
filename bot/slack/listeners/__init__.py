"""Slack listeners: each parses a payload, calls one flow, and returns."""
