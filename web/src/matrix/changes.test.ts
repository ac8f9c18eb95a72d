import { describe, expect, it } from "vitest";
import { readChange } from "./changes";
import type { Person } from "./types";

const person = (id: string): Person => ({ id, name: id, avatar: null, presence: null });
const BOB = "@bob:here";
const ANN = "@ann:here";

function member(sender: string, content: object, before?: object) {
  return readChange({ type: "m.room.member", state_key: BOB, sender, content: content as never, unsigned: before ? { prev_content: before } : {} }, person);
}

describe("memberships", () => {
  it.each([
    ["join", undefined, BOB, "joined"],
    ["join", "invite", BOB, "joined"],
    ["invite", undefined, ANN, "invited"],
    ["leave", "join", BOB, "left"],
    ["leave", "invite", BOB, "declined"],
    ["leave", "invite", ANN, "cancelled"],
    ["leave", "join", ANN, "kicked"],
    ["leave", "ban", ANN, "unbanned"],
    ["ban", "join", ANN, "banned"],
    ["knock", undefined, BOB, "knocked"],
  ])("%s after %s by %s is %s", (after, before, sender, type) => {
    expect(member(sender, { membership: after }, before ? { membership: before } : undefined)?.type).toBe(type);
  });

  it("tells who and why", () => {
    expect(member(ANN, { membership: "leave", reason: "spam" }, { membership: "join" })).toMatchObject({ target: { id: BOB }, reason: "spam" });
  });

  it("tells new names and pictures, names first, and nothing where nothing changed", () => {
    const join = (more: object) => ({ membership: "join", ...more });
    expect(member(BOB, join({ displayname: "Rob" }), join({ displayname: "Bob" }))).toEqual({ type: "renamed", from: "Bob", to: "Rob" });
    expect(member(BOB, join({}), join({ displayname: "Bob" }))).toEqual({ type: "renamed", from: "Bob", to: "bob" });
    expect(member(BOB, join({ avatar_url: "mxc://a/b" }), join({}))).toEqual({ type: "avatarChanged" });
    expect(member(BOB, join({}), join({ avatar_url: "mxc://a/b" }))).toEqual({ type: "avatarRemoved" });
    expect(member(BOB, join({}), join({}))).toBeNull();
  });
});

describe("other state", () => {
  const change = (type: string, content: object, before?: object) =>
    readChange({ type, state_key: "", sender: ANN, content: content as never, unsigned: before ? { prev_content: before } : {} }, person);

  it("is told by its kind", () => {
    expect(change("m.room.name", { name: "Home" })).toEqual({ type: "roomName", value: "Home" });
    expect(change("m.room.name", { name: 7 })).toEqual({ type: "roomName", value: "" });
    expect(change("m.room.join_rules", { join_rule: "knock_restricted" })).toEqual({ type: "joinRule", rule: "restricted" });
    expect(change("m.room.tombstone", { replacement_room: "!next" })).toEqual({ type: "upgraded", successor: "!next" });
    expect(change("org.example.thing", {})).toEqual({ type: "other", event: "org.example.thing" });
  });

  it("is left out where it means nothing to people", () => {
    expect(change("m.room.server_acl", {})).toBeNull();
    expect(change("m.room.canonical_alias", { alias: "#a:b", alt_aliases: ["#c:d"] }, { alias: "#a:b" })).toBeNull();
  });
});
