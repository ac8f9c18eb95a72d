/** What is worth a sound or a window, by the push rules. */
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { RoomEvent, type Room as SdkRoom } from "matrix-js-sdk/lib/models/room";
import { MatrixEventEvent, type MatrixEvent } from "matrix-js-sdk/lib/models/event";
import { Part } from "./batch";
import { path, type Core } from "./core";
import { sleep } from "./errors";
import { changesForDefault, defaultLevel } from "./pushrules";
import type { Notifications, MessageItem, Room } from "./types";

/** After an outage, what is older than this is shown as unread but rings no bell, ms. */
const FRESH = 5 * 60_000;

/** So long a notification waits for the key of what it is about, ms. */
const KEY_COMES = 5000;

type Listener = (room: Room, item: MessageItem, sound: boolean) => void;
type Level = Notifications["level"];

export class NotificationsState implements Notifications {
  #level = $state<Level>("all");
  readonly #listeners = new Set<Listener>();

  constructor(private readonly core: Core) {
    core.client.on(RoomEvent.Timeline, this.#onEvent);
    core.client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === "m.push_rules") core.batch.once(this.read);
    });
  }

  get level(): Level {
    return this.#level;
  }

  async setLevel(level: Level): Promise<void> {
    const before = this.#level;
    this.#level = level;
    try {
      for (const { kind, id, attribute, body } of changesForDefault(this.core.client.pushRules, level)) {
        await this.core.request("PUT", path`/_matrix/client/v3/pushrules/global/${kind}/${id}/${attribute}`, { body });
      }
      await this.reload();
    } catch (cause) {
      this.#level = before;
      throw cause;
    }
  }

  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Asks for the rules, as after changing them: a sync tells of it later. */
  async reload(): Promise<void> {
    const rules = await this.core.request<object>("GET", "/_matrix/client/v3/pushrules/");
    this.core.client.setPushRules(rules as never);
    this.read();
  }

  readonly read = (): void => {
    this.#level = defaultLevel(this.core.client.pushRules);
    for (const room of this.core.rooms.all()) this.core.batch.room(room.id, Part.notify);
  };

  readonly #onEvent = (event: MatrixEvent, sdk: SdkRoom | undefined, toStart: boolean | undefined, removed: boolean, data: { liveEvent?: boolean }): void => {
    if (!sdk || toStart || removed || !data.liveEvent || !this.core.rooms.ready || this.#listeners.size === 0) return;
    if (event.getSender() === this.core.me || Date.now() - event.getTs() > FRESH) return;
    void this.#judge(event, sdk);
  };

  /** What is encrypted can be judged once it is read: the crypto may still load, and a key be a moment behind its message. */
  async #judge(event: MatrixEvent, sdk: SdkRoom): Promise<void> {
    if (event.isEncrypted()) await Promise.race([this.#read(event), sleep(KEY_COMES)]);
    const actions = this.core.client.getPushActionsForEvent(event, event.isEncrypted());
    if (!actions?.notify) return;
    const sound = !!actions.tweaks?.sound;
    this.core.batch.once(() => this.#tell(sdk.roomId, event, sound));
  }

  async #read(event: MatrixEvent): Promise<void> {
    await this.core.encryption.whenReady().catch(() => undefined);
    await this.core.client.decryptEventIfNeeded(event);
    if (!event.isDecryptionFailure()) return;
    await new Promise<void>((resolve) => event.once(MatrixEventEvent.Decrypted, () => resolve()));
  }

  #tell(id: string, event: MatrixEvent, sound: boolean): void {
    const room = this.core.rooms.find(id);
    const item = room?.timeline.itemOf(event);
    if (room && item?.kind === "message" && !item.redacted) for (const listener of this.#listeners) listener(room, item, sound);
  }
}
