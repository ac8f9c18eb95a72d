import { describe, expect, it } from "vitest";
import { Powers } from "./powers";
import type { RawEvent } from "./raw";

const CREATOR = "@creator:here";
const ADMIN = "@admin:here";
const MOD = "@mod:here";
const BOB = "@bob:here";

function powers(version: string, levels: object | null, create: object = {}) {
  const events: Record<string, RawEvent> = { "m.room.create": { type: "m.room.create", sender: CREATOR, content: { room_version: version, ...create } } };
  if (levels) events["m.room.power_levels"] = { type: "m.room.power_levels", content: levels as never };
  return new Powers((type) => events[type]);
}

describe("version 12", () => {
  const room = powers("12", { users: { [ADMIN]: 100, [MOD]: 50 } }, { additional_creators: ["@second:here"] });

  it("puts creators above all", () => {
    expect(room.of(CREATOR)).toBe(Infinity);
    expect(room.role("@second:here")).toBe("creator");
    expect(room.most(ADMIN, CREATOR)).toBeNull();
    expect(room.most(CREATOR, ADMIN)).toBe(100);
    expect(room.permissions(CREATOR)).toMatchObject({ ban: true, levels: true });
  });

  it("lets one give what one has to who has less, and lower oneself", () => {
    expect(room.most(ADMIN, BOB)).toBe(100);
    expect(room.most(ADMIN, ADMIN)).toBe(100);
    expect(room.most(MOD, BOB)).toBe(50);
    expect(powers("12", { users: { [MOD]: 50 }, events: { "m.room.power_levels": 100 } }).most(MOD, BOB)).toBeNull();
    expect(powers("12", { users: { [MOD]: 50, [ADMIN]: 50 } }).most(MOD, ADMIN)).toBeNull();
  });
});

describe("older versions", () => {
  it("give the creator 100 where no levels are written, and ask nothing for state", () => {
    const room = powers("10", null);
    expect([room.of(CREATOR), room.of(BOB)]).toEqual([100, 0]);
    expect(room.permissions(BOB)).toMatchObject({ rename: true, kick: false, invite: true });
  });

  it("read levels, also as text, and hold out against nonsense", () => {
    const room = powers("6", { users: { [BOB]: "30" }, users_default: "10", ban: {}, events: { "m.room.name": "20" }, state_default: 60 });
    expect([room.of(BOB), room.of(MOD)]).toEqual([30, 10]);
    expect(room.levels).toMatchObject({ ban: 50, name: 20, topic: 60 });
    expect(powers("6", { users: "all", events: [] }).of(BOB)).toBe(0);
    expect(powers("6", { users: {} }).of("__proto__")).toBe(0);
  });
});

describe("changing levels", () => {
  const room = powers("12", { users: { [MOD]: 50 }, events: { "m.room.name": 50, custom: 7 }, notifications: { other: 1 }, extra: true });

  it("keeps what it does not know", () => {
    expect(room.withPower(BOB, 100)).toMatchObject({ users: { [MOD]: 50, [BOB]: 100 }, extra: true });
    expect(room.withLevels({ name: 75, kick: 60, mentionRoom: 20, settings: 100 })).toMatchObject({
      events: { "m.room.name": 75, custom: 7, "m.room.join_rules": 100, "m.room.power_levels": 100 },
      kick: 60,
      notifications: { other: 1, room: 20 },
      extra: true,
    });
  });

  it("drops who goes back to the default", () => {
    expect(room.withPower(MOD, 0)).toMatchObject({ users: {} });
  });
});
