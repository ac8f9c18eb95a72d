/**
 * A Matrix that lives in memory, for tests of screens and for looking at them: people, friends and requests behave as the
 * server would have them, rooms know their members, and what nobody here needs rejects.
 */
import { noPermissions } from "../matrix/powers";
import type {
  Device,
  Devices,
  Directory,
  Encryption,
  Friend,
  Friends,
  LastLine,
  Levels,
  Matrix,
  MatrixError,
  Me,
  Media,
  Member,
  Members,
  Membership,
  Mxc,
  Notifications,
  Permissions,
  People,
  Person,
  Presence,
  Request,
  Room,
  Rooms,
  Timeline,
} from "../matrix/types";

/** An error as screens get it. */
export function fakeError(kind: MatrixError["kind"], errcode = "", message = "refused"): MatrixError {
  return Object.assign(new Error(message), { kind, errcode, retryAfter: 0 });
}

function unused(): never {
  throw fakeError("other", "", "the fake can't do this");
}

export class FakePerson implements Person {
  readonly id: string;
  name = $state("");
  avatar = $state.raw<Mxc | null>(null);
  presence = $state.raw<Presence | null>(null);

  constructor(id: string, name?: string, presence: Presence | null = null) {
    this.id = id;
    this.name = name ?? id.slice(1).split(":")[0] ?? id;
    this.presence = presence;
  }
}

export class FakeMember implements Member {
  membership = $state<Membership>("join");
  power = $state(0);
  canKick = $state(false);
  canBan = $state(false);
  maxPower = $state<number | null>(null);
  readonly reason = "";

  constructor(
    private readonly person: FakePerson,
    readonly isMe: boolean,
    power = 0,
  ) {
    this.power = power;
  }

  get id(): string {
    return this.person.id;
  }
  get name(): string {
    return this.person.name;
  }
  get avatar(): Mxc | null {
    return this.person.avatar;
  }
  get presence(): Presence | null {
    return this.person.presence;
  }
  get role(): Member["role"] {
    return this.power >= 100 ? "admin" : this.power >= 50 ? "moderator" : "member";
  }
}

class FakeMembers implements Members {
  readonly ready = true;
  all = $state.raw<readonly FakeMember[]>([]);

  load = async (): Promise<void> => undefined;
  #with(membership: Membership): readonly Member[] {
    return this.all.filter((member) => member.membership === membership);
  }
  get joined(): readonly Member[] {
    return this.#with("join");
  }
  get invited(): readonly Member[] {
    return this.#with("invite");
  }
  get knocking(): readonly Member[] {
    return this.#with("knock");
  }
  get banned(): readonly Member[] {
    return this.#with("ban");
  }
  get(id: string): FakeMember | null {
    return this.all.find((member) => member.id === id) ?? null;
  }
  async invite(): Promise<void> {
    unused();
  }
  async kick(id: string): Promise<void> {
    this.#set(id, "leave");
  }
  async ban(id: string): Promise<void> {
    this.#set(id, "ban");
  }
  async unban(id: string): Promise<void> {
    this.#set(id, "leave");
  }
  async setPower(id: string, power: number): Promise<void> {
    const member = this.get(id);
    if (member) member.power = power;
  }
  #set(id: string, membership: Membership): void {
    const member = this.get(id);
    if (member) member.membership = membership;
  }
}

export class FakeRoom implements Room {
  readonly id: string;
  name = $state("");
  avatar = $state.raw<Mxc | null>(null);
  topic = $state("");
  alias = null;
  friend = $state.raw<Person | null>(null);
  isPublic = false;
  encrypted = false;
  memberCount = $state(2);
  membership = $state<Membership>("join");
  invite = null;
  farewell = null;
  successor = null;
  predecessor = null;
  unread = $state.raw({ messages: 0, mentions: 0, marked: false });
  favourite = false;
  lowPriority = false;
  notify = "default" as const;
  last = $state.raw<LastLine | null>(null);
  typing = $state.raw<readonly Person[]>([]);
  draft = "";
  readonly members = new FakeMembers();
  can = $state.raw<Permissions>({ ...noPermissions(), send: true });
  readonly joinRule = "invite" as const;
  readonly history = "shared" as const;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  get activity(): number {
    return this.last?.at ?? 0;
  }
  get timeline(): Timeline {
    return unused();
  }
  get levels(): Levels {
    return unused();
  }
  accept = async () => unused();
  decline = async () => unused();
  leave = async () => unused();
  forget = async () => unused();
  setFavourite = async () => unused();
  setLowPriority = async () => unused();
  setNotify = async () => unused();
  markRead = async () => unused();
  markUnread = async () => unused();
  setName = async () => unused();
  setTopic = async () => unused();
  setAvatar = async () => unused();
  encrypt = async () => unused();
  setAlias = async () => unused();
  setJoinRule = async () => unused();
  setHistory = async () => unused();
  isListed = async () => false;
  setListed = async () => unused();
  setLevels = async () => unused();
  report = async () => unused();
}

class FakeFriends implements Friends {
  list = $state.raw<readonly Friend[]>([]);
  received = $state.raw<readonly Request[]>([]);
  sent = $state.raw<readonly Request[]>([]);
  /** What the next action fails with. */
  failure: MatrixError | null = null;

  constructor(private readonly matrix: FakeMatrix) {}

  get blocked(): readonly Person[] {
    return this.matrix.people.ignored.map((id) => this.matrix.people.get(id));
  }

  relation(id: string): ReturnType<Friends["relation"]> {
    const has = (list: readonly { person: Person }[]) => list.some(({ person }) => person.id === id);
    if (id === this.matrix.me.id) return "me";
    if (this.matrix.people.ignored.includes(id)) return "blocked";
    if (has(this.list)) return "friend";
    if (has(this.received)) return "received";
    return has(this.sent) ? "sent" : "none";
  }

  async add(id: string, note = ""): Promise<Room> {
    this.#mayFail();
    const asks = this.received.find(({ person }) => person.id === id);
    if (asks) return this.accept(asks);
    const request = this.matrix.request(id, note);
    this.sent = [request, ...this.sent];
    return request.room;
  }
  async accept(request: Request): Promise<Room> {
    this.#mayFail();
    this.received = this.received.filter(({ room }) => room !== request.room);
    this.list = [{ person: request.person, room: request.room }, ...this.list];
    return request.room;
  }
  async decline(request: Request): Promise<void> {
    this.#mayFail();
    this.received = this.received.filter(({ room }) => room !== request.room);
  }
  async cancel(request: Request): Promise<void> {
    this.#mayFail();
    this.sent = this.sent.filter(({ room }) => room !== request.room);
  }
  async sendAgain(): Promise<void> {
    this.#mayFail();
  }
  async remove(id: string): Promise<void> {
    this.#mayFail();
    this.list = this.list.filter(({ person }) => person.id !== id);
  }
  async block(id: string): Promise<void> {
    this.#mayFail();
    await this.matrix.people.setIgnored(id, true);
    this.received = this.received.filter(({ person }) => person.id !== id);
    this.list = this.list.filter(({ person }) => person.id !== id);
  }
  async unblock(id: string): Promise<void> {
    this.#mayFail();
    await this.matrix.people.setIgnored(id, false);
  }

  #mayFail(): void {
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
  }
}

class FakePeople implements People {
  /** Whom the server knows. */
  readonly everybody = new Map<string, FakePerson>();
  ignored = $state.raw<readonly string[]>([]);
  shares = new Map<string, Room[]>();
  reportFailure: MatrixError | null = null;

  constructor(private readonly me: string) {}

  get(id: string): FakePerson {
    const known = this.everybody.get(id);
    return known ?? new FakePerson(id);
  }
  async fetch(id: string): Promise<Person> {
    const known = this.everybody.get(id);
    if (!known) throw fakeError("notFound", "M_NOT_FOUND");
    return known;
  }
  async search(term: string, limit = 10): Promise<Person[]> {
    const wanted = term.toLowerCase();
    const fits = (person: Person) => person.id !== this.me && `${person.name} ${person.id}`.toLowerCase().includes(wanted);
    return [...this.everybody.values()].filter(fits).slice(0, limit);
  }
  async setIgnored(id: string, ignored: boolean): Promise<void> {
    const others = this.ignored.filter((one) => one !== id);
    this.ignored = ignored ? [...others, id] : others;
  }
  async report(): Promise<void> {
    if (this.reportFailure) throw this.reportFailure;
  }
  shared(id: string): Room[] {
    return this.shares.get(id) ?? [];
  }
}

class FakeMe extends FakePerson implements Me {
  password = "correct";
  picture = $state.raw<Blob | null>(null);
  privateReceipts = $state(false);

  async setName(name: string): Promise<void> {
    this.name = name;
  }
  async setAvatar(picture: Blob | null): Promise<void> {
    this.picture = picture;
    this.avatar = picture ? "mxc://fake/me" : null;
  }
  async setPassword(current: string, next: string): Promise<void> {
    this.#check(current);
    this.password = next;
  }
  async deactivate(password: string): Promise<void> {
    this.#check(password);
  }
  async setPrivateReceipts(on: boolean): Promise<void> {
    this.privateReceipts = on;
  }
  #check(password: string): void {
    if (password !== this.password) throw fakeError("forbidden", "M_FORBIDDEN");
  }
}

class FakeDevices implements Devices {
  all: Device[] = [];
  async list(): Promise<Device[]> {
    return [...this.all];
  }
  async rename(id: string, name: string): Promise<void> {
    this.all = this.all.map((device) => (device.id === id ? { ...device, name } : device));
  }
  async signOut(ids: readonly string[], password: string): Promise<void> {
    if (password !== "correct") throw fakeError("forbidden", "M_FORBIDDEN");
    this.all = this.all.filter((device) => !ids.includes(device.id));
  }
}

class FakeRooms implements Rooms {
  ready = $state(true);
  joined = $state.raw<readonly Room[]>([]);
  readonly invites: readonly Room[] = [];
  readonly knocked: readonly Room[] = [];
  readonly removed: readonly Room[] = [];
  readonly attention = 0;
  readonly unread = 0;
  get(id: string): Room | null {
    return this.joined.find((room) => room.id === id) ?? null;
  }
  loadLeft = async (): Promise<void> => undefined;
  create = async () => unused();
  join = async () => unused();
  knock = async () => unused();
}

class FakeNotifications implements Notifications {
  level = $state<Notifications["level"]>("all");
  async setLevel(level: Notifications["level"]): Promise<void> {
    this.level = level;
  }
  onEvent = () => () => undefined;
}

class FakeEncryption implements Encryption {
  state = $state<Encryption["state"]>("ready");
  recovery = $state<Encryption["recovery"]>("ready");
  readonly trust = null;
  takeOver = (): void => undefined;
  setUp = async (): Promise<string> => "EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d";
  restore = async (): Promise<void> => undefined;
  reset = (): Promise<string> => this.setUp();
}

export class FakeMatrix implements Matrix {
  readonly me: FakeMe;
  readonly people: FakePeople;
  readonly friends: FakeFriends = new FakeFriends(this);
  readonly rooms = new FakeRooms();
  readonly devices = new FakeDevices();
  readonly notifications = new FakeNotifications();
  readonly encryption = new FakeEncryption();
  readonly connection = { state: "online" as const, soft: false, retry: () => undefined };
  signedOut = false;
  #requests = 0;

  constructor(id = "@alice:salon.test", name = "Alice") {
    this.me = new FakeMe(id, name);
    this.people = new FakePeople(id);
    this.people.everybody.set(id, this.me);
  }

  get directory(): Directory {
    return unused();
  }
  readonly media: Media = {
    hold: () => ({ url: this.me.picture ? URL.createObjectURL(this.me.picture) : null, failed: false, release: () => undefined }),
    download: async () => unused(),
    maxUpload: 100_000_000,
  };
  stop(): void {}
  async signOut(): Promise<void> {
    this.signedOut = true;
  }

  /** Lets the server know somebody. */
  person(localpart: string, name?: string, presence: Presence | null = null): FakePerson {
    const person = new FakePerson(`@${localpart}:salon.test`, name, presence);
    this.people.everybody.set(person.id, person);
    return person;
  }

  /** Makes somebody a friend. */
  befriend(person: FakePerson): FakeRoom {
    const room = new FakeRoom(`!${person.id}`, person.name);
    room.friend = person;
    this.friends.list = [...this.friends.list, { person, room }];
    return room;
  }

  /** A request as lists hold it, from or to somebody. */
  request(id: string, note = "", at = Date.now()): Request {
    const person = this.people.get(id);
    return { person, room: new FakeRoom(`!request-${++this.#requests}`, person.name), at, note };
  }
}
