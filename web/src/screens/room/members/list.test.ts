import { describe, expect, it } from "vitest";
import type { Member, Membership, Permissions, Room } from "../../../matrix/types";
import { levelChoices } from "../settings/levels";
import { memberRows } from "./list";

function member(name: string, membership: Membership = "join"): Member {
  return { id: `@${name.toLowerCase().replace(/\W/g, "")}:example.org`, name, avatar: null, presence: null, membership, power: 0, role: "member", isMe: false, canKick: false, canBan: false, maxPower: null, reason: "" };
}

function room(can: Partial<Permissions>): Pick<Room, "members" | "can"> {
  const members = {
    joined: [member("Alice"), member("Zoë Œuvre")],
    invited: [member("Bob", "invite")],
    knocking: [member("Carol", "knock")],
    banned: [member("Mallory", "ban")],
  };
  return { members, can } as unknown as Pick<Room, "members" | "can">;
}

const short = (term: string, can: Partial<Permissions>) => memberRows(room(can), term).map((row) => (row.kind === "title" ? `${row.key}:${row.count}` : row.member.name));

describe("the list of members", () => {
  it("shows who waits and who was banned only to whom it concerns", () => {
    expect(short("", {})).toEqual(["joined:2", "Alice", "Zoë Œuvre", "invited:1", "Bob"]);
    expect(short("", { invite: true, ban: true })).toEqual(["knocking:1", "Carol", "joined:2", "Alice", "Zoë Œuvre", "invited:1", "Bob", "banned:1", "Mallory"]);
  });
  it("finds by name, whatever the accents, and by ID", () => {
    expect(short("zoe", {})).toEqual(["joined:1", "Zoë Œuvre"]);
    expect(short("oeu", {})).toEqual(["joined:1", "Zoë Œuvre"]);
    expect(short("@bob:", {})).toEqual(["invited:1", "Bob"]);
    expect(short("nobody", {})).toEqual([]);
  });
  it("is quick with five thousand", () => {
    const joined = Array.from({ length: 5000 }, (_, index) => member(`Member ${index}`));
    const large = { members: { joined, invited: [], knocking: [], banned: [] }, can: {} } as unknown as Pick<Room, "members" | "can">;
    const before = performance.now();
    expect(memberRows(large, "member 4999")).toHaveLength(2);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("levels", () => {
  it("can be chosen up to one's own, and the one that is there", () => {
    expect(levelChoices(50, Infinity)).toEqual([0, 50, 100]);
    expect(levelChoices(75, 50)).toEqual([0, 50, 75]);
  });
});
