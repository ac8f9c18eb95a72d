import { describe, expect, it } from "vitest";
import { pathOf, targetIn } from "./links";

const room = (id: string, event: string | null = null, via: string[] = []) => ({ kind: "room", id, event, via });
const user = (id: string) => ({ kind: "user", id });

describe("targetIn", () => {
  it("knows IDs and addresses", () => {
    expect(targetIn(" #tea:example.org ")).toEqual(room("#tea:example.org"));
    expect(targetIn("!abc:example.org:8448")).toEqual(room("!abc:example.org:8448"));
    // Rooms of version 12 have no server in their ID.
    expect(targetIn("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM")).toEqual(room("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"));
    expect(targetIn("@alice:example.org")).toEqual(user("@alice:example.org"));
  });
  it("knows links of matrix.to", () => {
    expect(targetIn("https://matrix.to/#/%23tea%3Aexample.org?via=a.org&via=b.org")).toEqual(room("#tea:example.org", null, ["a.org", "b.org"]));
    expect(targetIn("https://matrix.to/#/!abc:example.org/$event?via=a.org")).toEqual(room("!abc:example.org", "$event", ["a.org"]));
    expect(targetIn("https://matrix.to/#/@alice:example.org")).toEqual(user("@alice:example.org"));
  });
  it("knows the matrix: scheme", () => {
    expect(targetIn("matrix:r/tea:example.org")).toEqual(room("#tea:example.org"));
    expect(targetIn("matrix:roomid/abc:example.org/e/event?via=a.org&action=join")).toEqual(room("!abc:example.org", "$event", ["a.org"]));
    expect(targetIn("MATRIX:u/alice:example.org?action=chat")).toEqual(user("@alice:example.org"));
    expect(targetIn("matrix://example.org/r/tea:example.org")).toEqual(room("#tea:example.org"));
  });
  it("knows the addresses of our own pages, and no other server's", () => {
    expect(targetIn(`${location.origin}/room/!abc%3Ax/%24event`)).toEqual(room("!abc:x", "$event"));
    expect(targetIn(`${location.origin}/user/@alice:x`)).toEqual(user("@alice:x"));
    expect(targetIn("https://elsewhere.org/room/!abc%3Ax")).toBeNull();
    expect(targetIn(`${location.origin}/profile/@alice:x`)).toBeNull();
  });
  it("takes nothing else for one", () => {
    for (const text of ["", "tea", "#tea", "@alice", "alice:example.org", "#tea:example.org and more", "https://matrix.to/#/", "https://matrix.to/#/%E0%A4%A", "matrix:", "matrix:x/y:z", "matrix:r/", "https://", `#${"a".repeat(300)}:x`, "!"]) {
      expect([text, targetIn(text)]).toEqual([text, null]);
    }
  });
});

describe("pathOf", () => {
  it("leads to where it is shown", () => {
    expect(pathOf({ kind: "room", id: "#tea:x", event: "$e", via: ["a.org"] })).toBe("/room/%23tea%3Ax/%24e?via=a.org");
    expect(pathOf({ kind: "user", id: "@alice:x" })).toBe("/user/%40alice%3Ax");
  });
});
