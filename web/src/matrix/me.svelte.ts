/** Oneself. */
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { path, type Core } from "./core";
import { Failure, failure } from "./errors";
import { mxc, record, text, type Content } from "./raw";
import type { Me, Presence } from "./types";
import { uploadBlob } from "./upload";

const SETTINGS = "salon.settings";

export class MeState implements Me {
  readonly id: string;

  #privateReceipts = $state(false);

  constructor(private readonly core: Core) {
    this.id = core.me;
    this.#readSettings();
    core.client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === SETTINGS) core.batch.once(this.#readSettings);
    });
  }

  get name(): string {
    return this.core.people.get(this.id).name;
  }
  get avatar(): string | null {
    return this.core.people.get(this.id).avatar;
  }
  get presence(): Presence | null {
    return this.core.people.get(this.id).presence;
  }
  get privateReceipts(): boolean {
    return this.#privateReceipts;
  }

  async setName(name: string): Promise<void> {
    await this.#change({ name }, () => this.#put("displayname", { displayname: name }));
  }

  async setAvatar(picture: Blob | null): Promise<void> {
    const url = picture ? await uploadBlob(this.core, picture) : null;
    await this.#change({ avatar: mxc(url) }, () => this.#put("avatar_url", { avatar_url: url ?? "" }));
  }

  async setPassword(current: string, next: string, signOutOthers: boolean): Promise<void> {
    await withPassword(this.core, current, (auth) =>
      this.core.request("POST", "/_matrix/client/v3/account/password", { body: { new_password: next, logout_devices: signOutOthers, ...auth } }),
    );
  }

  async deactivate(password: string, erase: boolean): Promise<void> {
    await withPassword(this.core, password, (auth) => this.core.request("POST", "/_matrix/client/v3/account/deactivate", { body: { erase, ...auth } }));
  }

  async setPrivateReceipts(on: boolean): Promise<void> {
    const before = this.#privateReceipts;
    this.#privateReceipts = on;
    try {
      await this.core.account.update(SETTINGS, (content) => ({ ...content, private_receipts: on }));
    } catch (cause) {
      this.#privateReceipts = before;
      throw failure(cause);
    }
  }

  readonly #readSettings = (): void => {
    this.#privateReceipts = wantsPrivateReceipts(this.core);
  };

  async #put(key: string, body: Content): Promise<void> {
    await this.core.request("PUT", path`/_matrix/client/v3/profile/${this.id}/${key}`, { body });
  }

  /** Shows it at once, and takes it back if it is refused. */
  async #change(next: { name?: string; avatar?: string | null }, request: () => Promise<void>): Promise<void> {
    const person = this.core.people.get(this.id);
    const { name, avatar } = person;
    person.take(next.name ?? name, next.avatar === undefined ? avatar : next.avatar);
    try {
      await request();
    } catch (cause) {
      person.take(name, avatar);
      throw failure(cause);
    }
  }
}

/** Whether others are kept from seeing how far one has read, by the account's settings. */
export function wantsPrivateReceipts(core: Core): boolean {
  return core.account.known(SETTINGS)["private_receipts"] === true;
}

/** A request that the server wants to be confirmed with the password. Rejects with `forbidden` if it is wrong. */
export async function withPassword(core: Core, password: string, request: (auth: Content) => Promise<unknown>): Promise<void> {
  const identity = { type: "m.login.password", identifier: { type: "m.id.user", user: core.me }, password };
  let session = "";
  try {
    await request({});
    return;
  } catch (cause) {
    session = sessionOf(cause);
  }
  try {
    await request({ auth: { ...identity, session } });
  } catch (cause) {
    const error = failure(cause);
    const answer = record(record(error.cause)["data"]);
    // Answered with the same question, and what was wrong with our answer.
    if (text(answer["session"])) throw new Failure("forbidden", text(answer["error"]), text(answer["errcode"]) || "M_FORBIDDEN", 0, { cause });
    throw error;
  }
}

/** The session in which the server asks for a confirmation. */
function sessionOf(cause: unknown): string {
  const error = failure(cause);
  const answer = record(record(error.cause)["data"]);
  const session = text(answer["session"]);
  if (!session) throw error;
  return session;
}
