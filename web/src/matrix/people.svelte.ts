/** People, known by their profile and presence over all rooms. */
import { ClientEvent } from "matrix-js-sdk/lib/client";
import { UserEvent, type User } from "matrix-js-sdk/lib/models/user";
import { path, type Core } from "./core";
import { Failure, failure } from "./errors";
import { isUserId, localpart, mxc, record, text, type Content, type RawEvent } from "./raw";
import type { People, Person, Presence, Room, UserId } from "./types";

const IGNORED = "m.ignored_user_list";
/** Profiles asked for at once in the background. */
const LOOKUPS = 4;

export class PersonState implements Person {
  name = $state("");
  avatar = $state.raw<string | null>(null);
  presence = $state.raw<Presence | null>(null);

  /** How often it was told anew: an answer that was overtaken meanwhile is of no use. */
  told = 0;

  constructor(readonly id: UserId) {
    this.name = localpart(id);
  }

  /** Takes over what a profile says. */
  take(name: string, avatar: string | null): void {
    this.told++;
    this.name = name.trim() || localpart(this.id);
    this.avatar = avatar;
  }
}

export class PeopleState implements People {
  readonly #known = new Map<UserId, PersonState>();
  readonly #asked = new Set<UserId>();
  #queue: UserId[] = [];
  #running = 0;
  #ignored = $state.raw<readonly UserId[]>([]);
  #ignoredSet: ReadonlySet<UserId> = new Set();

  constructor(private readonly core: Core) {
    const client = core.client;
    client.on(UserEvent.LastPresenceTs, this.#onPresence);
    client.on(ClientEvent.AccountData, (event) => {
      if (event.getType() === IGNORED) core.batch.once(this.readIgnored);
    });
  }

  get(id: UserId): PersonState {
    const known = this.#known.get(id);
    if (known) return known;
    const person = new PersonState(id);
    this.#known.set(id, person);
    if (!this.#read(person) && isUserId(id)) this.#lookUp(id);
    return person;
  }

  async fetch(id: UserId): Promise<Person> {
    const person = this.#known.get(id) ?? new PersonState(id);
    const { told } = person;
    const profile = await this.core.request<Content>("GET", path`/_matrix/client/v3/profile/${id}`);
    this.#asked.add(id);
    if (person.told === told) person.take(text(profile["displayname"]), mxc(profile["avatar_url"]));
    this.#known.set(id, person);
    return person;
  }

  async search(term: string, limit = 20): Promise<Person[]> {
    const wanted = term.trim();
    if (!wanted) return [];
    const [answer, exact] = await Promise.all([
      this.core.request<{ results: Content[] }>("POST", "/_matrix/client/v3/user_directory/search", { body: { search_term: wanted, limit: limit + 1 } }),
      isUserId(wanted) ? this.fetch(wanted).catch(onlyIfMissing) : null,
    ]);
    const found = answer.results.map((entry) => this.#fromDirectory(entry));
    const all = exact ? [exact, ...found.filter((person) => person.id !== exact.id)] : found;
    return all.filter((person) => person.id !== this.core.me).slice(0, limit);
  }

  get ignored(): readonly UserId[] {
    return this.#ignored;
  }

  /** For our own use, without following it. */
  isIgnored(id: UserId): boolean {
    return this.#ignoredSet.has(id);
  }

  async setIgnored(id: UserId, ignored: boolean): Promise<void> {
    await this.core.account.update(IGNORED, (content) => {
      const users = { ...record(content["ignored_users"]) };
      if (ignored) users[id] ??= {};
      else delete users[id];
      return { ...content, ignored_users: users };
    });
    await this.core.until(() => this.#ignoredSet.has(id) === ignored || null);
  }

  async report(id: UserId, reason: string): Promise<void> {
    await this.core.request("POST", path`/_matrix/client/v3/users/${id}/report`, { body: { reason } });
  }

  shared(id: UserId): Room[] {
    return this.core.rooms.joined.filter((room) => this.core.client.getRoom(room.id)?.getMember(id)?.membership === "join");
  }

  readonly readIgnored = (): void => {
    const users = Object.keys(record(this.core.account.known(IGNORED)["ignored_users"])).filter(isUserId).sort();
    if (users.join() === this.#ignored.join()) return;
    this.#ignored = users;
    this.#ignoredSet = new Set(users);
    this.core.friends.changed();
    this.core.rooms.renew();
  };

  #fromDirectory(entry: Content): Person {
    const person = this.#known.get(text(entry["user_id"])) ?? new PersonState(text(entry["user_id"]));
    person.take(text(entry["display_name"]), mxc(entry["avatar_url"]));
    this.#known.set(person.id, person);
    return person;
  }

  /** A member event, live: the newest that is known of somebody's profile. */
  sawMember(event: RawEvent): void {
    const person = this.#known.get(event.state_key ?? "");
    if (person && event.content["membership"] === "join") person.take(text(event.content["displayname"]), mxc(event.content["avatar_url"]));
  }

  readonly #onPresence = (_event: unknown, user: User): void => {
    const person = this.#known.get(user.userId);
    if (person) this.core.batch.once(() => (person.presence = presenceOf(user)));
  };

  /** Takes over what the SDK knows; says whether it knows a profile. */
  #read(person: PersonState): boolean {
    const user = this.core.client.getUser(person.id);
    if (!user) return false;
    person.presence = presenceOf(user);
    // The SDK begins with the ID for a name.
    if (user.rawDisplayName === user.userId) return false;
    person.take(user.rawDisplayName ?? "", mxc(user.avatarUrl));
    return true;
  }

  #lookUp(id: UserId): void {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    this.#queue.push(id);
    void this.#next();
  }

  async #next(): Promise<void> {
    if (this.#running >= LOOKUPS) return;
    const id = this.#queue.shift();
    if (id === undefined) return;
    this.#running++;
    // Whoever can't be looked up keeps the name that their ID gives.
    await this.fetch(id).catch(() => undefined);
    this.#running--;
    void this.#next();
  }
}

function presenceOf(user: User): Presence | null {
  if (!user.events.presence) return null;
  const ago = user.lastPresenceTs ? user.lastPresenceTs - user.lastActiveAgo : 0;
  return {
    state: user.presence === "online" ? "online" : user.presence === "unavailable" ? "away" : "offline",
    lastActive: ago > 0 ? ago : null,
    note: user.presenceStatusMsg ?? "",
  };
}

function onlyIfMissing(cause: unknown): null {
  const error = failure(cause);
  if (error.kind === "notFound" || error.kind === "forbidden" || error.errcode === "M_INVALID_PARAM") return null;
  throw new Failure(error.kind, error.message, error.errcode, error.retryAfter, { cause });
}
