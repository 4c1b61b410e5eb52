"""What the process of Django's tests writes down is read while it is being written."""

import json

from .run import Outcome, Run, _follow


def test_a_line_may_arrive_in_parts(tmp_path):
    events = tmp_path / "events"
    line = json.dumps({"test": "one", "outcome": "ok"})
    parts = [line[:10], line[10:], "\n", None]
    events.touch()

    class Process:
        def poll(self):
            if (part := parts.pop(0)) is None:
                return 0
            with events.open("a") as file:
                file.write(part)
            return None

    run = Run()
    _follow(Process(), events, run, lambda run: None)
    assert run.outcomes == {"one": Outcome("ok", "")}
