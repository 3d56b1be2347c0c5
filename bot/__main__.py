"""`python -m bot` is `plain-bridge`."""

from bot.cli import main

main()
