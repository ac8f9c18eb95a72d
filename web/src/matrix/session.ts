/** Somebody's session, as screens know it. */
import { Engine, type EngineOptions } from "./engine";
import { DeviceList } from "./devices";
import { failure } from "./errors";
import { RoomDirectory } from "./directory";
import { MeState } from "./me.svelte";
import type { Connection, Devices, Directory, Encryption, Friends, Matrix, Me, Media, Notifications, People, Rooms } from "./types";

export class Session implements Matrix {
  readonly me: Me;
  readonly connection: Connection;
  readonly rooms: Rooms;
  readonly friends: Friends;
  readonly people: People;
  readonly directory: Directory;
  readonly media: Media;
  readonly devices: Devices;
  readonly notifications: Notifications;
  readonly encryption: Encryption;
  readonly #engine: Engine;

  constructor(options: EngineOptions) {
    const engine = new Engine(options);
    this.#engine = engine;
    this.me = new MeState(engine);
    this.connection = engine.connection;
    this.rooms = engine.rooms;
    this.friends = engine.friends;
    this.people = engine.people;
    this.directory = new RoomDirectory(engine);
    this.media = engine.media;
    this.devices = new DeviceList(engine, options.deviceId);
    this.notifications = engine.notifications;
    this.encryption = engine.encryption;
  }

  start(): void {
    void this.#engine.start();
  }

  stop(): void {
    this.#engine.stop();
  }

  async signOut(): Promise<void> {
    const { client, drafts, connection, outbox, encryption } = this.#engine;
    try {
      await this.#engine.request("POST", "/_matrix/client/v3/logout");
    } catch (cause) {
      // Whose session is over already is signed out.
      if (failure(cause).kind !== "unknownToken") throw cause;
    }
    connection.ended();
    drafts.clear();
    outbox.clear();
    encryption.clear();
    await client.store.deleteAllData();
    this.stop();
  }
}
