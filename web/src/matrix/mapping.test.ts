import { describe, expect, it } from "vitest";
import { deserted, mapFriends, mutual, parseDirect, reusable, superfluous, withDirect, withoutDirect, type Candidate } from "./mapping";
import type { Membership } from "./types";

const ME = "@me:here";
const BOB = "@bob:here";
const ANN = "@ann:here";

interface Sketch {
  mine?: Membership;
  members?: Record<string, Membership>;
  people?: number;
  invitedBy?: string;
  direct?: boolean;
  at?: number;
  creator?: string;
  activity?: number;
  silent?: boolean;
}

function room(id: string, sketch: Sketch = {}): Candidate {
  const members = sketch.members ?? {};
  const present = Object.values(members).filter((membership) => membership === "join" || membership === "invite").length;
  return {
    id,
    mine: sketch.mine ?? "join",
    member: (user) => members[user] ?? null,
    people: sketch.people ?? present + 1,
    invite: sketch.invitedBy ? { by: sketch.invitedBy, at: sketch.at ?? 1, direct: sketch.direct ?? true } : null,
    creator: sketch.creator ?? ME,
    activity: sketch.activity ?? 0,
    silent: sketch.silent ?? true,
  };
}

function map(direct: Record<string, unknown>, rooms: Candidate[], ignored: string[] = []) {
  return mapFriends({ me: ME, direct: parseDirect(direct, ME), rooms, ignored: (user) => ignored.includes(user) });
}

describe("m.direct as others leave it", () => {
  it("reads lists of rooms under user IDs and nothing else", () => {
    const content = { [BOB]: ["!a", "!a", 7, null, "#alias:here"], bob: ["!b"], [ANN]: "!c", "mail@here": ["!d"], [ME]: ["!e"], "@empty:here": [] };
    expect(parseDirect(content, ME)).toEqual(new Map([[BOB, ["!a"]]]));
  });

  it.each([null, undefined, [], "text", 3])("takes %j for nothing", (content) => {
    expect(parseDirect(content as never, ME).size).toBe(0);
  });

  it("adds a room first and leaves the rest as it was, broken or not", () => {
    const content = { [BOB]: ["!old"], weird: { not: "ours" }, [ANN]: "broken" };
    expect(withDirect(content, BOB, "!new")).toEqual({ [BOB]: ["!new", "!old"], weird: { not: "ours" }, [ANN]: "broken" });
    expect(withDirect(content, ANN, "!new")).toEqual({ ...content, [ANN]: ["!new"] });
  });

  it("changes nothing where the room is known or the user unknown", () => {
    const content = { [BOB]: ["!a"] };
    expect(withDirect(content, BOB, "!a")).toBe(content);
    expect(withoutDirect(content, ANN)).toBe(content);
    expect(withoutDirect(content, BOB, ["!other"])).toBe(content);
  });

  it("drops one room, or somebody as a whole", () => {
    const content = { [BOB]: ["!a", "!b"], [ANN]: ["!c"] };
    expect(withoutDirect(content, BOB, ["!a"])).toEqual({ [BOB]: ["!b"], [ANN]: ["!c"] });
    expect(withoutDirect(content, BOB, ["!a", "!b"])).toEqual({ [ANN]: ["!c"] });
    expect(withoutDirect(content, BOB)).toEqual({ [ANN]: ["!c"] });
  });
});

describe("who is a friend", () => {
  it("takes a room in m.direct where both are joined for a friendship", () => {
    const view = map({ [BOB]: ["!a"] }, [room("!a", { members: { [BOB]: "join" } })]);
    expect(view.friends).toEqual(new Map([[BOB, "!a"]]));
    expect(view.partners.get("!a")).toBe(BOB);
  });

  it("takes one where they are still invited for a request that I sent", () => {
    const view = map({ [BOB]: ["!a"] }, [room("!a", { members: { [BOB]: "invite" } })]);
    expect(view.friends.size).toBe(0);
    expect(view.sent).toEqual(new Map([[BOB, "!a"]]));
  });

  it("takes a direct invite for a request, and another invite not", () => {
    const view = map({}, [room("!a", { mine: "invite", invitedBy: BOB }), room("!b", { mine: "invite", invitedBy: ANN, direct: false })]);
    expect(view.received).toEqual(new Map([[BOB, "!a"]]));
    expect(view.partners).toEqual(new Map([["!a", BOB]]));
  });

  it("shows the newest of several invites by one person", () => {
    const view = map({}, [room("!new", { mine: "invite", invitedBy: BOB, at: 9 }), room("!old", { mine: "invite", invitedBy: BOB, at: 2 })]);
    expect(view.received).toEqual(new Map([[BOB, "!new"]]));
  });

  it("calls nobody a friend who left, declined or was banned, but knows whose room it was", () => {
    for (const theirs of ["leave", "ban"] as const) {
      const view = map({ [BOB]: ["!a"] }, [room("!a", { members: { [BOB]: theirs } })]);
      expect([view.friends.size, view.sent.size]).toEqual([0, 0]);
      expect(view.partners.get("!a")).toBe(BOB);
    }
  });

  it("does not count a conversation that I left", () => {
    const view = map({ [BOB]: ["!a"] }, [room("!a", { mine: "leave", members: { [BOB]: "join" } })]);
    expect(view.friends.size).toBe(0);
  });

  it("says whose membership it has to ask for", () => {
    const view = map({ [BOB]: ["!a"] }, [room("!a")]);
    expect(view.unknown).toEqual([{ user: BOB, room: "!a" }]);
    expect(view.friends.size).toBe(0);
  });

  it("hides the blocked in every part", () => {
    const rooms = [room("!a", { members: { [BOB]: "join" } }), room("!b", { mine: "invite", invitedBy: ANN }), room("!c", { members: { "@cy:here": "invite" } })];
    const view = map({ [BOB]: ["!a"], "@cy:here": ["!c"] }, rooms, [BOB, ANN, "@cy:here"]);
    expect([view.friends.size, view.received.size, view.sent.size]).toEqual([0, 0, 0]);
  });

  it("prefers a room of two people, then the newest, and always the same", () => {
    const both = { [BOB]: "join" as const };
    const rooms = [room("!group", { members: both, people: 5, activity: 99 }), room("!b", { members: both, activity: 5 }), room("!a", { members: both, activity: 5 })];
    expect(map({ [BOB]: ["!group", "!b", "!a"] }, rooms).friends.get(BOB)).toBe("!a");
    expect(map({ [BOB]: ["!a", "!b", "!group"] }, [...rooms].reverse()).friends.get(BOB)).toBe("!a");
  });

  it("calls a room of several no conversation, whatever m.direct says", () => {
    const view = map({ [BOB]: ["!a"], [ANN]: ["!a", "!b"] }, [
      room("!a", { members: { [BOB]: "join", [ANN]: "join" } }),
      room("!b", { members: { [ANN]: "join", "@x:here": "join" } }),
    ]);
    expect(view.partners.size).toBe(0);
    expect([...view.friends.keys()].sort()).toEqual([ANN, BOB]);
  });

  it("keeps one request as it is while they are a friend in another room", () => {
    const view = map({ [BOB]: ["!a", "!b"] }, [room("!a", { members: { [BOB]: "join" } }), room("!b", { members: { [BOB]: "invite" } })]);
    expect(view.friends.get(BOB)).toBe("!a");
    expect(view.sent.size).toBe(0);
  });
});

describe("both ask at once", () => {
  const mine = room("!mine", { members: { [BOB]: "invite" } });
  const theirs = room("!theirs", { mine: "invite", invitedBy: BOB, creator: BOB });

  it("accepts theirs", () => {
    expect(mutual(ME, map({ [BOB]: ["!mine"] }, [mine, theirs]), [mine, theirs])).toEqual([{ user: BOB, room: "!theirs" }]);
    expect(mutual(ME, map({}, [theirs]), [theirs])).toEqual([]);
  });

  it.each([
    ["where they have accepted mine meanwhile", {}, [{ user: BOB, room: "!theirs" }]],
    ["not where somebody has written since", { silent: false }, []],
    ["not where we are friends by a room of theirs", { creator: BOB }, []],
  ])("accepts theirs %s", (_name, sketch, accepted) => {
    const joined = room("!mine", { members: { [BOB]: "join" }, ...sketch });
    expect(mutual(ME, map({ [BOB]: ["!mine"] }, [joined, theirs]), [joined, theirs])).toEqual(accepted);
  });

  const direct = new Map([[BOB, ["!mine", "!theirs"]]]);
  const accepted = (silent = true) => room("!theirs", { members: { [BOB]: "join" }, creator: BOB, silent });

  it("drops the room of the larger ID once both are in the other", () => {
    // @bob < @me: his stays, mine goes, whether he has accepted it or not.
    expect(superfluous(ME, direct, [mine, accepted()])).toEqual([{ user: BOB, room: "!mine", kept: "!theirs" }]);
    expect(superfluous(ME, direct, [room("!mine", { members: { [BOB]: "join" } }), accepted()])).toEqual([{ user: BOB, room: "!mine", kept: "!theirs" }]);
  });

  it("comes to the same answer on the other side", () => {
    const view = new Map([[ME, ["!mine", "!theirs"]]]);
    const rooms = [room("!mine", { members: { [ME]: "join" }, creator: ME }), room("!theirs", { members: { [ME]: "join" }, creator: BOB })];
    expect(superfluous(BOB, view, rooms)).toEqual([{ user: ME, room: "!mine", kept: "!theirs" }]);
  });

  it("waits while they are not yet in the room that stays", () => {
    const zoe = "@zoe:here";
    const rooms = [room("!mine", { members: { [zoe]: "invite" } }), room("!theirs", { members: { [zoe]: "join" }, creator: zoe })];
    expect(superfluous(ME, new Map([[zoe, ["!mine", "!theirs"]]]), rooms)).toEqual([]);
  });

  it("never drops a room in which something was said", () => {
    const spoken = room("!mine", { members: { [BOB]: "join" }, silent: false });
    expect(superfluous(ME, direct, [spoken, accepted()])).toEqual([]);
  });

  it("never drops a group, nor one of two rooms by the same person", () => {
    expect(superfluous(ME, direct, [room("!mine", { members: { [BOB]: "join" }, people: 3 }), accepted()])).toEqual([]);
    const both = [room("!mine", { members: { [BOB]: "join" } }), room("!theirs", { members: { [BOB]: "join" } })];
    expect(superfluous(ME, direct, both)).toEqual([]);
  });
});

describe("asked again", () => {
  const direct = new Map([[BOB, ["!a", "!b"]]]);

  it("uses the room that they declined or left", () => {
    expect(reusable(BOB, direct, [room("!a", { members: { [BOB]: "leave" } })])).toBe("!a");
  });

  it("makes a new one where they are banned, where others are, or where I am out", () => {
    expect(reusable(BOB, direct, [room("!a", { members: { [BOB]: "ban" } })])).toBeNull();
    expect(reusable(BOB, direct, [room("!a", { members: { [BOB]: "leave", [ANN]: "join" } })])).toBeNull();
    expect(reusable(BOB, direct, [room("!a", { mine: "leave", members: { [BOB]: "leave" } })])).toBeNull();
    expect(reusable(ANN, direct, [room("!a", { members: { [ANN]: "leave" } })])).toBeNull();
  });

  it("lets my declined request go once they asked back and I accepted", () => {
    const rooms = [room("!a", { members: { [BOB]: "leave" } }), room("!b", { members: { [BOB]: "join" }, creator: BOB })];
    const view = mapFriends({ me: ME, direct, rooms, ignored: () => false });
    expect(deserted(view, direct, rooms)).toEqual([{ user: BOB, room: "!a", kept: "!b" }]);
  });

  it("lets a silent room go that I was put out of, as the other side tidied up first", () => {
    const rooms = [room("!a", { mine: "leave", members: { [BOB]: "join" } }), room("!b", { members: { [BOB]: "join" } })];
    const view = mapFriends({ me: ME, direct, rooms, ignored: () => false });
    expect(deserted(view, direct, rooms)).toEqual([{ user: BOB, room: "!a", kept: "!b" }]);
  });

  it("keeps a deserted room that holds words", () => {
    const rooms = [room("!a", { members: { [BOB]: "leave" }, silent: false }), room("!b", { members: { [BOB]: "join" } })];
    const view = mapFriends({ me: ME, direct, rooms, ignored: () => false });
    expect(deserted(view, direct, rooms)).toEqual([]);
  });
});
