"""Drives the unmodified server library cent: the operation is the name of a request, the arguments are its fields."""

import asyncio

import cent
from json_lines import serve

clients = {}


def request_of(op, args):
    name = "".join(word.capitalize() for word in op.split("_"))
    request = getattr(cent, f"{name}Request")
    if op == "batch":
        return request(requests=[request_of(one["op"], one["args"]) for one in args["requests"]])
    return request(**args)


async def answer(call):
    name, op, args = call["client"], call["op"], call["args"]
    if op == "open":
        clients[name] = cent.AsyncClient(args["url"], args["key"], timeout=args["timeoutMs"] / 1000)
        return None
    if op == "disconnect_client":
        await clients.pop(name).close()
        return None
    result = await getattr(clients[name], op)(request_of(op, args))
    if op == "batch":
        return {"replies": [reply.model_dump() for reply in result.replies]}
    return result.model_dump()


asyncio.run(serve(answer))
