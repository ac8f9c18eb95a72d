import { describe, expect, it } from "vitest";
import "../../dev/jsdom";

const { localpart, serverOf, userIdIn, userIdsIn, userLink } = await import("./ids");

describe("my link", () => {
  it("is easy to read", () => {
    expect(userLink("@alice:salon.test", "https://salon.test")).toBe("https://salon.test/user/@alice:salon.test");
  });
  it("leads back to the ID it was made of", () => {
    for (const id of ["@alice:salon.test", "@a/b+c=d:[2001:db8::1]:8448", "@é%20:salon.test"]) expect(userIdIn(userLink(id))).toBe(id);
  });
});

describe("a pasted text", () => {
  it("names users by whole IDs and links", () => {
    expect(userIdIn(" @alice:salon.test ")).toBe("@alice:salon.test");
    expect(userIdIn("https://matrix.to/#/%40alice%3Asalon.test")).toBe("@alice:salon.test");
    expect(userIdIn("matrix:u/alice:salon.test")).toBe("@alice:salon.test");
  });
  it("names nobody by a name, a room or somebody else's page", () => {
    for (const text of ["", "alice", "@alice", "#room:salon.test", "https://example.org/@alice:salon.test"]) expect(userIdIn(text)).toBeNull();
  });
  it("names several only if all of it does", () => {
    expect(userIdsIn("@a:salon.test, @b:salon.test;@a:salon.test\n")).toEqual(["@a:salon.test", "@b:salon.test"]);
    expect(userIdsIn("@a:salon.test and her brother")).toEqual([]);
  });
});

describe("the parts of an ID", () => {
  it("are cut at the first colon", () => {
    expect([localpart("@a:b:8448"), serverOf("@a:b:8448")]).toEqual(["a", "b:8448"]);
  });
});
