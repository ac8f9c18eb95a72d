"""Bob: does with matrix-nio what the lines on standard input ask for, and tells what his sync brings.

Each line in is {"id", "what", "args"}; each line out either answers one ({"id", "done"} or {"id", "error",
"errcode"}) or tells something new ({"live"}, {"invite"}, {"left"}, {"typing"}).
"""

import asyncio
import io
import json
import logging
import sys
import tempfile
from base64 import b64decode, b64encode

from nio import AsyncClient, AsyncClientConfig, ErrorResponse, SyncResponse, TypingNoticeEvent

# As many as one sync may bring, so that none skips events.
SYNC_FILTER = {"room": {"timeline": {"limit": 100}}}


def tell(**message):
    print(json.dumps(message), flush=True)


class Refused(Exception):
    def __init__(self, response):
        super().__init__(str(response))
        self.errcode = response.status_code


def good(response):
    if isinstance(response, ErrorResponse):
        raise Refused(response)
    return response


class Bot:
    def __init__(self):
        self.client = None
        self.sync = None

    async def register(self, url, user, password, encrypted=False):
        store = tempfile.mkdtemp() if encrypted else ""
        self.client = AsyncClient(url, user, store_path=store, config=AsyncClientConfig(encryption_enabled=encrypted))
        self.client.add_response_callback(self.synced, SyncResponse)
        self.client.add_ephemeral_callback(self.typed, TypingNoticeEvent)
        made = good(await self.client.register(user, password, device_name="bot"))
        if encrypted:
            self.client.load_store()
        return made.user_id

    async def start(self):
        self.sync = asyncio.create_task(self.sync_on())

    async def sync_on(self):
        while True:
            try:
                await self.client.sync_forever(timeout=30000, sync_filter=SYNC_FILTER, since=self.client.next_batch)
            except Exception as error:  # A connection cut in mid-answer; nio retries only some of these.
                print(f"bot: sync begins again: {error!r}", file=sys.stderr)
                await asyncio.sleep(0.2)

    async def synced(self, response):
        for room, info in response.rooms.join.items():
            self.timeline(room, info)
        for room, info in response.rooms.leave.items():
            self.timeline(room, info)
            tell(left={"room": room})
        for room, info in response.rooms.invite.items():
            members = [e for e in info.invite_state if getattr(e, "state_key", None) == self.client.user_id]
            tell(invite={"room": room, "sender": members[0].sender if members else None})

    def timeline(self, room, info):
        for event in info.timeline.events:
            source = event.source
            keys = ("event_id", "sender", "type", "redacts")
            content = source.get("content", {})
            said = {"body": content.get("body"), "decrypted": event.decrypted}
            tell(live={"room": room, **said, **{key: source.get(key) for key in keys}})

    async def typed(self, room, event):
        tell(typing={"room": room.room_id, "users": event.users})

    async def join(self, room):
        good(await self.client.join(room))

    async def create(self, **options):
        return good(await self.client.room_create(**options)).room_id

    async def invite(self, room, user):
        good(await self.client.room_invite(room, user))

    async def kick(self, room, user, reason):
        good(await self.client.room_kick(room, user, reason))

    async def send(self, room, body):
        content = {"msgtype": "m.text", "body": body}
        sent = await self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        return good(sent).event_id

    async def read(self, room, event):
        good(await self.client.room_read_markers(room, event, event))

    async def upload(self, name, type, base64):
        data = b64decode(base64)
        response, _ = await self.client.upload(
            lambda *_: io.BytesIO(data), content_type=type, filename=name, filesize=len(data)
        )
        return good(response).content_uri

    async def download(self, mxc):
        file = good(await self.client.download(mxc=mxc))
        return {"name": file.filename, "type": file.content_type, "base64": b64encode(file.body).decode()}

    async def page(self, room, limit):
        """All messages of the room, newest first."""
        found, token = [], None
        while True:
            response = good(await self.client.room_messages(room, start=token, limit=limit))
            for event in response.chunk:
                content = event.source.get("content", {})
                found.append({"event_id": event.event_id, "type": event.source["type"], "body": content.get("body")})
            if not response.end or not response.chunk:
                return found
            token = response.end

    async def members(self, room):
        return [member.user_id for member in good(await self.client.joined_members(room)).members]


async def answer(bot, request):
    try:
        done = await getattr(bot, request["what"])(**request["args"])
        tell(id=request["id"], done=done)
    except Refused as refused:
        tell(id=request["id"], error=str(refused), errcode=refused.errcode)
    except Exception as error:
        tell(id=request["id"], error=repr(error))


async def main():
    logging.disable(logging.CRITICAL)
    bot = Bot()
    reader = asyncio.StreamReader(limit=1 << 22)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(bot, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())
