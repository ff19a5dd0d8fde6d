"""Drives the unmodified centrifuge-python. With `protobuf` as argument clients speak Protobuf, and payloads are bytes of JSON."""

import asyncio
import json
import sys

from centrifuge import (
    Client,
    ClientEventHandler,
    DeltaType,
    FilterNode,
    StreamPosition,
    SubscriptionEventHandler,
)
from json_lines import say, serve

PROTOBUF = "protobuf" in sys.argv[1:]
clients = {}


def encoded(data):
    return json.dumps(data).encode() if PROTOBUF else data


def decoded(data):
    if PROTOBUF and isinstance(data, (bytes, bytearray)):
        return json.loads(data) if data else None
    return data


def info_of(info):
    if info is None:
        return None
    return {
        "client": info.client,
        "user": info.user,
        "connInfo": decoded(info.conn_info),
        "chanInfo": decoded(info.chan_info),
    }


def publication_of(pub):
    return {"data": decoded(pub.data), "offset": pub.offset, "tags": pub.tags, "info": info_of(pub.info)}


def subscribed_of(ctx):
    position = ctx.stream_position
    return {
        "channel": ctx.channel,
        "recoverable": ctx.recoverable,
        "positioned": ctx.positioned,
        "wasRecovering": ctx.was_recovering,
        "recovered": ctx.recovered,
        "data": decoded(ctx.data),
        "position": None if position is None else {"offset": position.offset, "epoch": position.epoch},
    }


class Events(ClientEventHandler):
    def __init__(self, name):
        self.emit = lambda kind, **fields: say({"client": name, "event": {"kind": kind, **fields}})

    async def on_connecting(self, ctx):
        self.emit("connecting", code=ctx.code)

    async def on_connected(self, ctx):
        self.emit("connected", client=ctx.client, data=decoded(ctx.data))

    async def on_disconnected(self, ctx):
        self.emit("disconnected", code=ctx.code)

    async def on_error(self, ctx):
        self.emit("error", code=ctx.code, message=str(ctx.error))

    async def on_subscribed(self, ctx):
        self.emit("serverSubscribed", **subscribed_of(ctx))

    async def on_subscribing(self, ctx):
        self.emit("serverSubscribing", channel=ctx.channel)

    async def on_unsubscribed(self, ctx):
        self.emit("serverUnsubscribed", channel=ctx.channel)

    async def on_publication(self, ctx):
        self.emit("serverPublication", channel=ctx.channel, **publication_of(ctx.pub))

    async def on_join(self, ctx):
        self.emit("serverJoin", channel=ctx.channel, user=ctx.info.user)

    async def on_leave(self, ctx):
        self.emit("serverLeave", channel=ctx.channel, user=ctx.info.user)


class SubscriptionEvents(SubscriptionEventHandler):
    def __init__(self, emit, channel):
        self.emit = lambda kind, **fields: emit(kind, **{**fields, "channel": channel})

    async def on_subscribing(self, ctx):
        self.emit("subscribing", code=ctx.code)

    async def on_subscribed(self, ctx):
        self.emit("subscribed", **subscribed_of(ctx))

    async def on_unsubscribed(self, ctx):
        self.emit("unsubscribed", code=ctx.code)

    async def on_publication(self, ctx):
        self.emit("publication", **publication_of(ctx.pub))

    async def on_join(self, ctx):
        self.emit("join", user=ctx.info.user)

    async def on_leave(self, ctx):
        self.emit("leave", user=ctx.info.user)

    async def on_error(self, ctx):
        self.emit("subscriptionError", code=ctx.code, message=str(ctx.error))


def in_turn(values, emit, kind, **fields):
    """Hands out the values one after the other, the last one again and again, and tells of it."""
    left = list(values)

    def take():
        emit(kind, **fields)
        return left.pop(0) if len(left) > 1 else left[0]

    return take


async def open_client(name, args):
    events = Events(name)
    options = {}
    if args.get("tokens"):
        take = in_turn(args["tokens"], events.emit, "getToken")

        async def get_token():
            return take()

        options["get_token"] = get_token
    if args.get("data") is not None:
        options["data"] = encoded(args["data"])
    clients[name] = Client(
        args["url"],
        events=events,
        token=args.get("token", ""),
        use_protobuf=PROTOBUF,
        timeout=args["timeoutMs"] / 1000,
        headers=args.get("headers"),
        min_reconnect_delay=0.05,
        max_reconnect_delay=0.2,
        proxy=None,
        **options,
    )


async def subscribe(client, args):
    channel = args["channel"]
    emit = client.events.emit
    options = {}
    if args.get("tokens"):
        take_token = in_turn(args["tokens"], emit, "getSubscriptionToken", channel=channel)

        async def get_token(_channel):
            return take_token()

        options["get_token"] = get_token
    if args.get("states"):
        take_state = in_turn(args["states"], emit, "getState", channel=channel)

        async def get_state(_channel):
            return StreamPosition(**take_state())

        options["get_state"] = get_state
    if args.get("data") is not None:
        options["data"] = encoded(args["data"])
    subscription = client.new_subscription(
        channel,
        events=SubscriptionEvents(emit, channel),
        token=args.get("token", ""),
        positioned=args.get("positioned", False),
        recoverable=args.get("recoverable", False),
        join_leave=args.get("joinLeave", False),
        delta=DeltaType.FOSSIL if args.get("delta") else None,
        tags_filter=FilterNode(args["tagsFilter"]) if args.get("tagsFilter") else None,
        min_resubscribe_delay=0.05,
        max_resubscribe_delay=0.2,
        **options,
    )
    await subscription.subscribe()


async def history(client, args):
    since = args.get("since")
    result = await client.history(
        args["channel"],
        limit=args.get("limit", 0),
        since=None if since is None else StreamPosition(**since),
        reverse=args.get("reverse", False),
    )
    publications = [publication_of(pub) for pub in result.publications]
    return {"publications": publications, "offset": result.offset, "epoch": result.epoch}


async def presence(client, args):
    result = await client.presence(args["channel"])
    return {name: info_of(info) for name, info in result.clients.items()}


async def presence_stats(client, args):
    result = await client.presence_stats(args["channel"])
    return {"numClients": result.num_clients, "numUsers": result.num_users}


async def publish(client, args):
    await client.publish(args["channel"], encoded(args["data"]))


async def rpc(client, args):
    return decoded((await client.rpc(args["method"], encoded(args["data"]))).data)


async def connect(client, _args):
    await client.connect()


async def disconnect(client, _args):
    await client.disconnect()


async def unsubscribe(client, args):
    await client.get_subscription(args["channel"]).unsubscribe()


async def resubscribe(client, args):
    await client.get_subscription(args["channel"]).subscribe()


OPERATIONS = {
    "connect": connect,
    "disconnect": disconnect,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "resubscribe": resubscribe,
    "publish": publish,
    "history": history,
    "presence": presence,
    "presenceStats": presence_stats,
    "rpc": rpc,
}


async def answer(call):
    name = call["client"]
    if call["op"] == "open":
        return await open_client(name, call["args"])
    return await OPERATIONS[call["op"]](clients[name], call["args"])


asyncio.run(serve(answer))
