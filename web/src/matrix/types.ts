/**
 * What screens know of Matrix. Objects with a state are classes with runes behind these interfaces: reading a property in
 * a component follows it. Nothing here is the SDK's, and only `matrix/` imports the SDK.
 *
 * Actions return promises that reject with a `MatrixError`; what they change shows at once and goes back if they fail.
 */

import type { Trust } from "./crypto/types";

export type UserId = string;
export type RoomId = string;
export type EventId = string;
/** `mxc://server/media`, of an encrypted file with what opens it behind a `#`; shown through `Media`. */
export type Mxc = string;

/** A failed request, in the words of the specification. `kind` is what screens choose their sentence by. */
export interface MatrixError extends Error {
  readonly kind: "offline" | "limited" | "forbidden" | "notFound" | "tooLarge" | "unknownToken" | "cancelled" | "other";
  /** Such as `M_FORBIDDEN`; empty if the server did not answer. */
  readonly errcode: string;
  /** For `limited`: when to try again, in ms from now. */
  readonly retryAfter: number;
}

/** What is kept of a session in this browser. */
export interface StoredSession {
  readonly userId: UserId;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly refreshToken?: string | undefined;
  /** ms since the epoch. */
  readonly expiresAt?: number | undefined;
}

/** Somebody's session: the root of all that screens see once one is signed in. */
export interface Matrix {
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
  /** Stops syncing and lets go of everything; the session stays valid. */
  stop(): void;
  /** Logs this device out. */
  signOut(): Promise<void>;
}

export interface Connection {
  /** `starting` until the first sync was answered or read from the store. */
  readonly state: "starting" | "online" | "offline" | "signedOut";
  /** With `signedOut`: the device is still there and only the password is asked for. */
  readonly soft: boolean;
  /** Tries again at once. */
  retry(): void;
}

/** End-to-end encryption of this session. */
export interface Encryption {
  /** `elsewhere`: another tab has the keys. `unavailable`: this browser, or the way to the server, has no means for it. */
  readonly state: "starting" | "ready" | "elsewhere" | "unavailable" | "failed";
  /**
   * Whether messages can be read on the next device. `missing`: there is no recovery key yet. `locked`: there is one, which this
   * device was not told. `lost`: there is none, and another session has the account's identity.
   */
  readonly recovery: "unknown" | "missing" | "locked" | "lost" | "ready";
  /** `null` while this tab has no keys. */
  readonly trust: Trust | null;
  /** Brings the keys to this tab. */
  takeOver(): void;
  /** Makes a recovery key and returns it, to be shown once. One that there was opens nothing from then on. */
  setUp(): Promise<string>;
  /** Makes what was written before readable on this device. Rejects with `forbidden` if it is not the key. */
  restore(recoveryKey: string): Promise<void>;
  /** Begins anew without the recovery key; returns a new one. Rejects with `forbidden` if the password is wrong. */
  reset(password: string): Promise<string>;
}

/** Why a message can't be read, or not yet. */
export type Unreadable = "waiting" | "before" | "locked" | "notMember" | "withheld" | "unverified" | "identity" | "later" | "noBackup" | "noKey" | "elsewhere" | "unavailable" | "failed";

// People

export interface Person {
  readonly id: UserId;
  /** The display name, else the localpart. */
  readonly name: string;
  readonly avatar: Mxc | null;
  readonly presence: Presence | null;
}

export interface Presence {
  readonly state: "online" | "away" | "offline";
  /** ms since the epoch, if known. */
  readonly lastActive: number | null;
  readonly note: string;
}

export interface Me extends Person {
  setName(name: string): Promise<void>;
  /** `null` removes the picture. */
  setAvatar(picture: Blob | null): Promise<void>;
  setPassword(current: string, next: string, signOutOthers: boolean): Promise<void>;
  deactivate(password: string, erase: boolean): Promise<void>;
  /** Others don't see how far I have read. */
  readonly privateReceipts: boolean;
  setPrivateReceipts(on: boolean): Promise<void>;
}

export interface People {
  get(id: UserId): Person;
  /** Asks the server for a profile that is not known yet; rejects with `notFound` if there is no such user. */
  fetch(id: UserId): Promise<Person>;
  /** By name or ID, without oneself. A whole user ID is found even if the directory has it not. */
  search(term: string, limit?: number): Promise<Person[]>;
  readonly ignored: readonly UserId[];
  setIgnored(id: UserId, ignored: boolean): Promise<void>;
  report(id: UserId, reason: string): Promise<void>;
  /** Rooms that one shares with somebody. */
  shared(id: UserId): Room[];
}

// Friends, as the design's section 6 maps them on plain Matrix

export interface Friends {
  /** By last word, newest first. */
  readonly list: readonly Friend[];
  readonly received: readonly Request[];
  readonly sent: readonly Request[];
  readonly blocked: readonly Person[];
  /** What stands between me and somebody. */
  relation(id: UserId): "none" | "friend" | "received" | "sent" | "blocked" | "me";
  /** Accepts their request if there is one, uses a room that exists, else asks. Returns the conversation. */
  add(id: UserId, note?: string): Promise<Room>;
  accept(request: Request): Promise<Room>;
  decline(request: Request): Promise<void>;
  cancel(request: Request): Promise<void>;
  /** Invites once more. */
  sendAgain(request: Request): Promise<void>;
  remove(id: UserId): Promise<void>;
  block(id: UserId): Promise<void>;
  unblock(id: UserId): Promise<void>;
}

export interface Friend {
  readonly person: Person;
  readonly room: Room;
}

export interface Request {
  readonly person: Person;
  readonly room: Room;
  /** ms since the epoch. */
  readonly at: number;
  readonly note: string;
}

// Rooms

export interface Rooms {
  /** Whether the first sync is there. */
  readonly ready: boolean;
  /** Joined rooms and friends' conversations, newest activity first; not those that go on in another that is here. */
  readonly joined: readonly Room[];
  /** Invites to rooms that are no friend requests, newest first. */
  readonly invites: readonly Room[];
  /** Rooms that I asked to be let in to. */
  readonly knocked: readonly Room[];
  /** Rooms that I was made to leave and have not forgotten, newest first. */
  readonly removed: readonly Room[];
  /** All unread mentions and friend requests, for the tab's title. */
  readonly attention: number;
  readonly unread: number;
  /** Any room that is known, left ones included. */
  get(id: RoomId): Room | null;
  /** Asks for rooms that I left before this browser knew of them; `get` finds them then. */
  loadLeft(): Promise<void>;
  create(options: NewRoom): Promise<Room>;
  join(idOrAlias: string, via?: readonly string[]): Promise<Room>;
  knock(idOrAlias: string, reason: string, via?: readonly string[]): Promise<void>;
}

export interface NewRoom {
  readonly name: string;
  readonly topic: string;
  readonly avatar: Blob | null;
  /** Public rooms are listed, and anybody joins. */
  readonly isPublic: boolean;
  /** The local part of the address, for public rooms; empty: none. */
  readonly alias: string;
  readonly invite: readonly UserId[];
  /** Public rooms never are. */
  readonly encrypted: boolean;
}

export interface Unread {
  readonly messages: number;
  readonly mentions: number;
  /** Marked as unread by hand. */
  readonly marked: boolean;
}

export type Membership = "join" | "invite" | "knock" | "leave" | "ban";
export type NotifyLevel = "default" | "all" | "mentions" | "none";

/** A room, or a conversation with a friend. */
export interface Room {
  readonly id: RoomId;
  readonly name: string;
  readonly avatar: Mxc | null;
  readonly topic: string;
  /** `#name:server`, if it has one. */
  readonly alias: string | null;
  /** Set for a direct conversation: the other. */
  readonly friend: Person | null;
  readonly isPublic: boolean;
  readonly encrypted: boolean;
  readonly memberCount: number;
  readonly membership: Membership;
  /** Of a room that invites me. */
  readonly invite: { readonly by: Person; readonly at: number; readonly reason: string } | null;
  /** Of a room that I left or was made to leave: by whom and why. */
  readonly farewell: { readonly kind: "left" | "kicked" | "banned"; readonly by: Person; readonly reason: string } | null;
  /** Where an upgraded room goes on. */
  readonly successor: RoomId | null;
  /** The room that this one goes on with. */
  readonly predecessor: RoomId | null;
  readonly unread: Unread;
  readonly favourite: boolean;
  readonly lowPriority: boolean;
  readonly notify: NotifyLevel;
  /** The newest message, for lists. */
  readonly last: LastLine | null;
  /** ms since the epoch; what lists sort by. */
  readonly activity: number;
  /** Others who type right now. */
  readonly typing: readonly Person[];
  /** Kept in this browser. */
  draft: string;

  readonly members: Members;
  readonly can: Permissions;
  readonly timeline: Timeline;

  accept(): Promise<void>;
  decline(): Promise<void>;
  leave(): Promise<void>;
  forget(): Promise<void>;
  setFavourite(on: boolean): Promise<void>;
  setLowPriority(on: boolean): Promise<void>;
  setNotify(level: NotifyLevel): Promise<void>;
  markRead(): Promise<void>;
  markUnread(): Promise<void>;

  setName(name: string): Promise<void>;
  setTopic(topic: string): Promise<void>;
  setAvatar(picture: Blob | null): Promise<void>;
  /** The localpart of the new main address, or `null` for none. */
  setAlias(localpart: string | null): Promise<void>;
  readonly joinRule: JoinRule;
  setJoinRule(rule: JoinRule): Promise<void>;
  readonly history: HistoryVisibility;
  setHistory(visibility: HistoryVisibility): Promise<void>;
  /** Encrypts what is written from now on. Nothing takes it back. */
  encrypt(): Promise<void>;
  /** Whether the server's directory lists it. */
  isListed(): Promise<boolean>;
  setListed(listed: boolean): Promise<void>;
  readonly levels: Levels;
  /** Changes the levels that actions need. */
  setLevels(levels: Partial<Levels>): Promise<void>;
  report(reason: string): Promise<void>;
}

export type JoinRule = "public" | "invite" | "knock" | "restricted" | "other";
export type HistoryVisibility = "invited" | "joined" | "shared" | "world_readable";

export interface LastLine {
  readonly sender: Person;
  readonly mine: boolean;
  /** What lists show: text, or the kind of what was sent. */
  readonly body: MessageBody | { readonly type: "redacted" };
  readonly at: number;
}

/** What I may do in a room. */
export interface Permissions {
  readonly send: boolean;
  readonly invite: boolean;
  readonly kick: boolean;
  readonly ban: boolean;
  readonly redactOthers: boolean;
  readonly rename: boolean;
  readonly topic: boolean;
  readonly avatar: boolean;
  readonly alias: boolean;
  readonly joinRule: boolean;
  readonly history: boolean;
  readonly encrypt: boolean;
  readonly levels: boolean;
  readonly mentionRoom: boolean;
}

/** The power that each action needs. */
export interface Levels {
  readonly send: number;
  readonly invite: number;
  readonly kick: number;
  readonly ban: number;
  readonly redact: number;
  readonly name: number;
  readonly topic: number;
  readonly avatar: number;
  readonly settings: number;
  readonly mentionRoom: number;
}

// Members

export interface Members {
  /** Whether all are loaded; `load` is idempotent. */
  readonly ready: boolean;
  load(): Promise<void>;
  /** Joined ones by power, then by name. */
  readonly joined: readonly Member[];
  readonly invited: readonly Member[];
  readonly knocking: readonly Member[];
  readonly banned: readonly Member[];
  get(id: UserId): Member | null;
  invite(id: UserId): Promise<void>;
  kick(id: UserId, reason: string): Promise<void>;
  ban(id: UserId, reason: string): Promise<void>;
  unban(id: UserId): Promise<void>;
  setPower(id: UserId, power: number): Promise<void>;
}

export interface Member extends Person {
  readonly membership: Membership;
  readonly power: number;
  readonly role: "creator" | "admin" | "moderator" | "member";
  readonly isMe: boolean;
  /** What I may do to them. */
  readonly canKick: boolean;
  readonly canBan: boolean;
  /** The highest power that I may give them; `null`: I may not change it. */
  readonly maxPower: number | null;
  /** Why they ask to come in, or were banned, in the words of whoever did it. */
  readonly reason: string;
}

// The timeline

export interface Timeline {
  /** Oldest first. Replaced as a whole when it changes; items keep their `key`. */
  readonly items: readonly TimelineItem[];
  readonly loading: "older" | "newer" | "jump" | null;
  readonly hasOlder: boolean;
  /** False after a jump into the past. */
  readonly atEnd: boolean;
  /** The last event that I had read when I came: above what follows stands "new messages". */
  readonly readMarker: EventId | null;
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** Shows the part around an event; rejects with `notFound`. */
  jump(id: EventId): Promise<void>;
  /** Back to the newest. */
  jumpToEnd(): Promise<void>;
  /** All up to here was seen: sends receipts (private ones if so chosen). */
  seen(id: EventId): void;

  send(message: OutgoingText): Promise<void>;
  sendFile(file: File, options?: { readonly caption?: string; readonly signal?: AbortSignal }): Promise<void>;
  edit(item: MessageItem, message: OutgoingText): Promise<void>;
  react(item: MessageItem, key: string): Promise<void>;
  redact(item: MessageItem, reason?: string): Promise<void>;
  resend(item: MessageItem): Promise<void>;
  /** Throws away a message that failed, or stops one that is being sent. */
  discard(item: MessageItem): void;
  setTyping(typing: boolean): void;
  report(item: MessageItem, reason: string): Promise<void>;
  /** `matrix.to` link to an event. */
  link(id: EventId): string;
  /** Who has read up to here and no further, myself left out. */
  readers(id: EventId): readonly Person[];
}

export interface OutgoingText {
  readonly text: string;
  /** Set where the text has formats. */
  readonly html: string | null;
  readonly mentions: readonly UserId[];
  readonly mentionsRoom: boolean;
  readonly replyTo: MessageItem | null;
  readonly emote?: boolean;
}

export type TimelineItem = MessageItem | NoticeItem;

interface Item {
  /** The same from the local echo to the event. */
  readonly key: string;
  /** `null` until the server has given it one. */
  readonly id: EventId | null;
  readonly sender: Person;
  readonly at: number;
}

export interface MessageItem extends Item {
  readonly kind: "message";
  readonly mine: boolean;
  readonly body: MessageBody;
  readonly edited: boolean;
  readonly redacted: { readonly by: Person; readonly reason: string } | null;
  readonly status: "sent" | "sending" | "failed";
  readonly error: MatrixError | null;
  /** Of a file on its way, from 0 to 1. */
  readonly progress: number | null;
  readonly replyTo: ReplyTarget | null;
  readonly reactions: readonly Reaction[];
  readonly mentionsMe: boolean;
  readonly canEdit: boolean;
  readonly canRedact: boolean;
}

export interface ReplyTarget {
  readonly id: EventId;
  /** `null` while it loads or if it can't be had. */
  readonly sender: Person | null;
  readonly body: MessageBody | { readonly type: "redacted" } | null;
}

export interface Reaction {
  readonly key: string;
  readonly people: readonly Person[];
  readonly mine: boolean;
}

export type MessageBody =
  | { readonly type: "text" | "notice" | "emote"; readonly text: string; readonly html: string | null }
  | { readonly type: "image"; readonly file: MediaFile; readonly width: number; readonly height: number; readonly thumbnail: Mxc | null; readonly caption: string }
  | { readonly type: "video"; readonly file: MediaFile; readonly width: number; readonly height: number; readonly thumbnail: Mxc | null; readonly caption: string }
  | { readonly type: "audio"; readonly file: MediaFile; readonly duration: number | null; readonly caption: string }
  | { readonly type: "file"; readonly file: MediaFile; readonly caption: string }
  | { readonly type: "encrypted"; readonly why: Unreadable }
  | { readonly type: "unknown"; readonly event: string };

export interface MediaFile {
  /** `null` while it is being uploaded. */
  readonly mxc: Mxc | null;
  readonly name: string;
  readonly size: number | null;
  readonly mime: string;
  /** What is being uploaded, to show meanwhile. */
  readonly local: Blob | null;
}

export interface NoticeItem extends Item {
  readonly kind: "notice";
  readonly change: Change;
}

/** What a state event did, for i18n to word. */
export type Change =
  | { readonly type: "created" | "joined" | "left" | "knocked" | "avatarChanged" | "avatarRemoved" | "roomAvatar" | "permissions" | "pinned" | "encryption" | "verification" }
  | { readonly type: "invited" | "kicked" | "banned" | "unbanned" | "declined" | "cancelled"; readonly target: Person; readonly reason: string }
  | { readonly type: "renamed"; readonly from: string; readonly to: string }
  | { readonly type: "roomName" | "topic" | "alias"; readonly value: string }
  | { readonly type: "joinRule"; readonly rule: JoinRule }
  | { readonly type: "history"; readonly visibility: HistoryVisibility }
  | { readonly type: "upgraded"; readonly successor: RoomId }
  | { readonly type: "other"; readonly event: string };

// The rest

export interface Directory {
  /** The server's public rooms, by page. */
  search(term: string, from?: string): Promise<{ readonly rooms: readonly PublicRoom[]; readonly next: string | null; readonly total: number | null }>;
  /** What one may know of a room that one is not in. */
  summary(idOrAlias: string, via?: readonly string[]): Promise<PublicRoom>;
  /** Whether an address is free. */
  isFree(localpart: string): Promise<boolean>;
}

export interface PublicRoom {
  readonly id: RoomId;
  readonly alias: string | null;
  readonly name: string;
  readonly topic: string;
  readonly avatar: Mxc | null;
  readonly memberCount: number;
  readonly joinRule: JoinRule;
  readonly membership: Membership | null;
}

export interface Media {
  /** A `blob:` address, shared and kept for as long as anybody holds it; release it when the component goes. */
  hold(mxc: Mxc, size?: Thumbnail): HeldMedia;
  /** The whole file. */
  download(mxc: Mxc, signal?: AbortSignal): Promise<Blob>;
  /** The largest upload that the server takes, bytes. */
  readonly maxUpload: number;
}

export interface Thumbnail {
  readonly width: number;
  readonly height: number;
  readonly crop: boolean;
}

export interface HeldMedia {
  /** Reactive: `null` until it is there. */
  readonly url: string | null;
  readonly failed: boolean;
  release(): void;
}

export interface Devices {
  list(): Promise<Device[]>;
  rename(id: string, name: string): Promise<void>;
  /** Asks for the password where the server wants it: rejects with `forbidden` if it is wrong. */
  signOut(ids: readonly string[], password: string): Promise<void>;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly lastSeen: number | null;
  readonly address: string;
  readonly current: boolean;
}

export interface Notifications {
  /** What all rooms do unless they say otherwise. */
  readonly level: "all" | "mentions" | "none";
  setLevel(level: "all" | "mentions" | "none"): Promise<void>;
  /** Called for each event that the push rules say to notify of, while the app runs. */
  onEvent(listener: (room: Room, item: MessageItem, sound: boolean) => void): () => void;
}
