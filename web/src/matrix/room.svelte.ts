/** What a room can be told to do. What it shows stands in `roombase.svelte.ts`. */
import { aliasOf } from "./alias";
import { path } from "./core";
import { ALGORITHM, ENCRYPTION } from "./crypto/encryption.svelte";
import { Failure, failure, orMissing } from "./errors";
import type { Content } from "./raw";
import { changesFor } from "./pushrules";
import { FAVOURITE, LOW_PRIORITY, RoomBase, type Shown } from "./roombase.svelte";
import type { HistoryVisibility, JoinRule, Levels, NotifyLevel, Room } from "./types";
import { uploadBlob } from "./upload";

/** So long a sync may take to confirm what the server has taken, ms. */
const SETTLED = 5000;
const FORGET_AFTER = 1500;

export class RoomState extends RoomBase implements Room {
  /** I was made to leave, or left by somebody else's will, and have not forgotten it. */
  get wasRemoved(): boolean {
    const farewell = this.facts.farewell;
    if (!farewell || this.membership === "join") return false;
    return farewell.kind === "banned" || (farewell.kind === "kicked" && farewell.was === "join");
  }

  /** Somebody asked me to be their friend, and took it back before I had answered. */
  get wasAsked(): boolean {
    const { farewell } = this.facts;
    return farewell?.kind === "kicked" && farewell.was === "invite" && farewell.direct;
  }

  async accept(): Promise<void> {
    const inviter = this.facts.invite?.by;
    await this.#shown({ membership: "join" }, async () => {
      await this.#post("join").catch(withdrawn);
      await this.core.until(() => this.#isIn());
    });
    if (inviter) void this.core.encryption.takeKeys(this.id, inviter);
  }

  /** Whether a sync has brought that I am in it. Who is thrown out in the same moment never was. */
  #isIn(): true | null {
    const { membership } = this.facts;
    if (membership === "leave" || membership === "ban") withdrawn(new Failure("forbidden", "", "M_FORBIDDEN"));
    return membership === "join" || null;
  }

  async decline(): Promise<void> {
    await this.leave();
    await this.#drop();
  }

  async leave(): Promise<void> {
    await this.#shown({ membership: "leave" }, () => this.#post("leave"));
  }

  async forget(): Promise<void> {
    if (this.facts.membership !== "leave" && this.facts.membership !== "ban") await this.leave();
    await this.#drop();
  }

  setFavourite(on: boolean): Promise<void> {
    return this.#shown({ favourite: on, ...(on && { lowPriority: false }) }, async () => {
      if (on && this.facts.lowPriority) await this.#tag(LOW_PRIORITY, false);
      await this.#tag(FAVOURITE, on);
    });
  }

  setLowPriority(on: boolean): Promise<void> {
    return this.#shown({ lowPriority: on, ...(on && { favourite: false }) }, async () => {
      if (on && this.facts.favourite) await this.#tag(FAVOURITE, false);
      await this.#tag(LOW_PRIORITY, on);
    });
  }

  async setNotify(level: NotifyLevel): Promise<void> {
    for (const { kind, rule } of changesFor(this.core.client.pushRules, this.id, level)) {
      const address = path`/_matrix/client/v3/pushrules/global/${kind}/${this.id}`;
      if (rule) await this.core.request("PUT", address, { body: rule });
      else await orMissing(this.core.request("DELETE", address), null);
    }
    await this.core.notifications.reload();
  }

  async markRead(): Promise<void> {
    const before = this.unread;
    this.patchUnread({ messages: 0, mentions: 0, marked: false });
    try {
      await this.timeline.reading.readAll();
      if (before.marked) await this.timeline.reading.mark(false);
    } catch (cause) {
      this.patchUnread(before);
      throw failure(cause);
    }
  }

  async markUnread(): Promise<void> {
    const before = this.unread;
    this.patchUnread({ ...before, marked: true });
    try {
      await this.timeline.reading.mark(true);
    } catch (cause) {
      this.patchUnread(before);
      throw failure(cause);
    }
  }

  setName(name: string): Promise<void> {
    return this.#shown({ title: name, name: name || this.name }, () => this.setState("m.room.name", { name }));
  }

  setTopic(topic: string): Promise<void> {
    return this.#shown({ topic }, () => this.setState("m.room.topic", { topic }));
  }

  async setAvatar(picture: Blob | null): Promise<void> {
    const url = picture && (await uploadBlob(this.core, picture));
    await this.#shown({ picture: url }, () => this.setState("m.room.avatar", url ? { url } : {}));
  }

  async setAlias(localpart: string | null): Promise<void> {
    const before = this.facts.alias;
    const next = localpart === null ? null : aliasOf(localpart, this.core.me);
    if (next === before) return;
    await this.#shown({ alias: next }, async () => {
      if (next) await this.core.request("PUT", path`/_matrix/client/v3/directory/room/${next}`, { body: { room_id: this.id } });
      await this.setState("m.room.canonical_alias", { ...this.state("m.room.canonical_alias")?.content, alias: next ?? undefined });
      // The old address is let go where it is ours to let go.
      if (before) await this.core.request("DELETE", path`/_matrix/client/v3/directory/room/${before}`).catch(() => undefined);
    });
  }

  setJoinRule(rule: JoinRule): Promise<void> {
    return this.#shown({ joinRule: rule }, () => this.setState("m.room.join_rules", { join_rule: rule }));
  }

  setHistory(visibility: HistoryVisibility): Promise<void> {
    return this.#shown({ history: visibility }, () => this.setState("m.room.history_visibility", { history_visibility: visibility }));
  }

  encrypt(): Promise<void> {
    return this.#shown({ encrypted: true }, () => this.setState(ENCRYPTION, ALGORITHM));
  }

  async isListed(): Promise<boolean> {
    const { visibility } = await this.core.request<{ visibility?: string }>("GET", path`/_matrix/client/v3/directory/list/room/${this.id}`);
    return visibility === "public";
  }

  async setListed(listed: boolean): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/directory/list/room/${this.id}`, { body: { visibility: listed ? "public" : "private" } });
  }

  setLevels(levels: Partial<Levels>): Promise<void> {
    return this.setState("m.room.power_levels", this.powers.withLevels(levels));
  }

  async report(reason: string): Promise<void> {
    await this.core.request("POST", path`/_matrix/client/v3/rooms/${this.id}/report`, { body: { reason } });
  }

  async setState(type: string, content: Content, stateKey = ""): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/rooms/${this.id}/state/${type}/${stateKey}`, { body: content });
  }

  /** It was one of two conversations with the same person; this is where it goes on. */
  goesOn(successor: string): void {
    this.patch({ successor });
  }

  stop(): void {
    this.timeline.reading.stop();
  }

  async #post(action: string, body: object = {}): Promise<void> {
    await this.core.request("POST", path`/_matrix/client/v3/rooms/${this.id}/${action}`, { body });
  }

  /** Forgets it once this and other tabs had the time to see that I left. */
  async #drop(): Promise<void> {
    await this.core.until(() => this.facts.membership === "leave" || this.facts.membership === "ban" || null, SETTLED).catch(() => undefined);
    setTimeout(() => void this.#post("forget").catch(() => undefined), FORGET_AFTER);
    this.core.client.store.removeRoom(this.id);
    this.core.rooms.drop(this.id);
  }

  async #tag(tag: string, on: boolean): Promise<void> {
    const address = path`/_matrix/client/v3/user/${this.core.me}/rooms/${this.id}/tags/${tag}`;
    if (on) await this.core.request("PUT", address, { body: { order: 0.5 } });
    else await this.core.request("DELETE", address);
  }

  /** Shows what is asked for at once; it stays until a sync has brought the same, and goes back if the server refuses. */
  async #shown(patch: Partial<Shown>, request: () => Promise<void>): Promise<void> {
    this.patch(patch);
    this.core.batch.flush();
    const end = () => {
      this.revert(patch);
      this.core.batch.flush();
    };
    try {
      await request();
    } catch (cause) {
      end();
      throw failure(cause);
    }
    void this.core.until(() => this.#has(patch) || null, SETTLED).then(end, end);
  }

  #has(patch: Partial<Shown>): boolean {
    const facts = this.facts;
    return (Object.keys(patch) as (keyof Shown)[]).every((key) => facts[key] === patch[key]);
  }
}

/** Where nobody is left to let one in, servers know no such room. */
function withdrawn(cause: unknown): never {
  const error = failure(cause);
  if (error.kind === "forbidden" || error.kind === "notFound") throw new Failure("forbidden", "The invite was withdrawn", error.errcode, 0, { cause });
  throw error;
}
