/** Who may do what in a room, by its create and power level events. */
import { number, record, strings, text, type Content, type StateReader } from "./raw";
import type { Levels, Member, Permissions } from "./types";

/** Versions before creators stood above all levels. */
const LEVELLED = new Set(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
const ADMIN = 100;
const MODERATOR = 50;

/** State events that "settings" stands for. */
const SETTINGS = ["m.room.join_rules", "m.room.history_visibility", "m.room.canonical_alias", "m.room.power_levels"];

export class Powers {
  readonly creators: ReadonlySet<string>;
  readonly #content: Content;
  readonly #written: boolean;
  readonly #infinite: boolean;

  constructor(state: StateReader) {
    const create = state("m.room.create");
    const written = state("m.room.power_levels");
    const sender = create?.sender ?? "";
    this.#infinite = !!create && !LEVELLED.has(text(create.content["room_version"]) || "1");
    this.creators = new Set([sender, ...(this.#infinite ? strings(create?.content["additional_creators"]) : [])].filter(Boolean));
    this.#written = !!written;
    this.#content = written?.content ?? {};
  }

  /** Whether somebody stands above all levels. */
  isAbove(user: string): boolean {
    return this.#infinite && this.creators.has(user);
  }

  of(user: string): number {
    if (this.isAbove(user)) return Infinity;
    if (!this.#written) return this.creators.has(user) ? ADMIN : 0;
    const users = record(this.#content["users"]);
    return number(Object.hasOwn(users, user) ? users[user] : undefined, number(this.#content["users_default"], 0));
  }

  /** Whether a level is written for somebody, rather than the default. */
  isSet(user: string): boolean {
    return Object.hasOwn(record(this.#content["users"]), user);
  }

  /** The power that an event needs. */
  needed(type: string, isState: boolean): number {
    const events = record(this.#content["events"]);
    const fallback = isState ? number(this.#content["state_default"], this.#written ? MODERATOR : 0) : number(this.#content["events_default"], 0);
    return number(Object.hasOwn(events, type) ? events[type] : undefined, fallback);
  }

  get levels(): Levels {
    const action = (name: string, otherwise: number) => number(this.#content[name], otherwise);
    return {
      send: this.needed("m.room.message", false),
      invite: action("invite", 0),
      kick: action("kick", MODERATOR),
      ban: action("ban", MODERATOR),
      redact: action("redact", MODERATOR),
      name: this.needed("m.room.name", true),
      topic: this.needed("m.room.topic", true),
      avatar: this.needed("m.room.avatar", true),
      settings: this.needed("m.room.power_levels", true),
      mentionRoom: number(record(this.#content["notifications"])["room"], MODERATOR),
    };
  }

  /** What somebody who is in the room may do. */
  permissions(user: string): Permissions {
    const power = this.of(user);
    const levels = this.levels;
    const state = (type: string) => power >= this.needed(type, true);
    return {
      send: power >= levels.send,
      invite: power >= levels.invite,
      kick: power >= levels.kick,
      ban: power >= levels.ban,
      redactOthers: power >= levels.redact && power >= this.needed("m.room.redaction", false),
      rename: power >= levels.name,
      topic: power >= levels.topic,
      avatar: power >= levels.avatar,
      alias: state("m.room.canonical_alias"),
      joinRule: state("m.room.join_rules"),
      history: state("m.room.history_visibility"),
      encrypt: state("m.room.encryption"),
      levels: state("m.room.power_levels"),
      mentionRoom: power >= levels.mentionRoom,
    };
  }

  role(user: string): Member["role"] {
    if (this.isAbove(user)) return "creator";
    const power = this.of(user);
    return power >= ADMIN ? "admin" : power >= MODERATOR ? "moderator" : "member";
  }

  /** The highest power that `me` may give to somebody, or `null` if it is not mine to change. */
  most(me: string, user: string): number | null {
    const mine = this.of(me);
    if (mine < this.needed("m.room.power_levels", true) || this.isAbove(user)) return null;
    if (user !== me && this.of(user) >= mine) return null;
    return mine === Infinity ? ADMIN : mine;
  }

  /** The power level event with another level for somebody. */
  withPower(user: string, power: number): Content {
    const users = { ...record(this.#content["users"]) };
    if (power === number(this.#content["users_default"], 0)) delete users[user];
    else users[user] = power;
    return { ...this.#content, users };
  }

  /** The power level event with other levels for actions. */
  withLevels(levels: Partial<Levels>): Content {
    const events: Record<string, unknown> = { ...record(this.#content["events"]) };
    const content: Record<string, unknown> = { ...this.#content, events };
    if (levels.send !== undefined) events["m.room.message"] = levels.send;
    if (levels.name !== undefined) events["m.room.name"] = levels.name;
    if (levels.topic !== undefined) events["m.room.topic"] = levels.topic;
    if (levels.avatar !== undefined) events["m.room.avatar"] = levels.avatar;
    if (levels.settings !== undefined) for (const type of SETTINGS) events[type] = levels.settings;
    for (const action of ["invite", "kick", "ban", "redact"] as const) if (levels[action] !== undefined) content[action] = levels[action];
    if (levels.mentionRoom !== undefined) content["notifications"] = { ...record(this.#content["notifications"]), room: levels.mentionRoom };
    return content;
  }
}

const NOTHING: Permissions = Object.freeze({
  send: false,
  invite: false,
  kick: false,
  ban: false,
  redactOthers: false,
  rename: false,
  topic: false,
  avatar: false,
  alias: false,
  joinRule: false,
  history: false,
  encrypt: false,
  levels: false,
  mentionRoom: false,
});

/** What one may do in a room that one is not in. */
export function noPermissions(): Permissions {
  return NOTHING;
}
