"""A driver speaks JSON lines with the test: calls come in on stdin, answers and events go out on stdout."""

import asyncio
import json
import sys


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def serve(answer):
    """Hands every call to `answer` as a task of its own, until stdin ends. A raised error with a `code` keeps it."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()

    async def run(call):
        try:
            say({"id": call["id"], "result": await answer(call)})
        except Exception as error:
            code = getattr(error, "code", None)
            say({"id": call["id"], "error": {"code": code, "message": f"{type(error).__name__}: {error}"}})

    while line := await reader.readline():
        task = asyncio.create_task(run(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
