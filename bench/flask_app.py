"""What is compared with: a Flask and Bolt app that calls Plain before it answers Slack.

`python -m bench.flask_app PORT waitress` serves it with waitress and its four threads, with
`flask` in place of that with Flask's development server, which has a thread for each request.
Needs nothing but Flask, waitress and Bolt, so that it can be served from another environment.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import urllib.request
from typing import Any

from flask import Flask, Response, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult

from bench.load import SIGNING_SECRET, TEAM

_CREATE = "mutation createThread($input: CreateThreadInput!) { createThread(input: $input) { thread { id } } }"  # noqa: E501


def application() -> Flask:
    def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=TEAM, bot_token="xoxb-test", bot_user_id="U1", bot_id="B1"
        )

    app = App(signing_secret=SIGNING_SECRET, authorize=authorize, process_before_response=True)

    @app.event("reaction_added")
    def on_reaction(event: dict[str, Any]) -> None:
        given = {"title": event["item"]["ts"], "customerIdentifier": {"customerId": "c_1"}}
        body = {"query": _CREATE, "variables": {"input": given}, "operationName": "createThread"}
        asked = urllib.request.Request(
            os.environ["PLAIN_API_URL"],
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["data"]["createThread"]["thread"]["id"]

    handler = SlackRequestHandler(app)
    flask = Flask("bench")

    @flask.post("/slack/events")
    def _events() -> Response:
        return handler.handle(request)

    return flask


if __name__ == "__main__":
    for noisy in ("werkzeug", "waitress.queue"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if sys.argv[2] == "waitress":
        from waitress import serve

        serve(application(), host="127.0.0.1", port=int(sys.argv[1]))
    else:
        application().run(port=int(sys.argv[1]), threaded=True)
