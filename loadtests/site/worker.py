"""gunicorn's gevent worker that tells the load test about itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

from gevent.server import StreamServer
from gevent.socket import AF_UNIX, socket
from gunicorn.workers.ggevent import GeventWorker

from . import LIMIT, LOOKS


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no annotations
    """Answers every line on its socket with a line of JSON, see ``look``. Beside the site's own
    socket, where the answer would wait behind visitors, and might come from any worker."""

    def run(self) -> None:
        """Called when the site has been loaded."""
        from .needs import needs

        needs.limit = int(os.environ[LIMIT])
        listener = socket(AF_UNIX)
        path = Path(os.environ[LOOKS]) / f"{os.getpid()}.look"
        listener.bind(str(path.with_suffix(".new")))
        listener.listen()
        path.with_suffix(".new").rename(path)  # whoever sees it can connect
        server = StreamServer(listener, self._answer)
        server.start()
        super().run()

    def _answer(self, connection: socket, address: object) -> None:
        from .look import look

        with connection, connection.makefile("rb") as lines:
            for _ in lines:
                connection.sendall(json.dumps(look()).encode() + b"\n")
