"""Formatted text: its nodes, and its way to Plain's Markdown and plain text."""
