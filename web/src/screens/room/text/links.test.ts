import { describe, expect, it } from "vitest";
import { pieces, safeHref, targetOf } from "./links";

const links = (text: string) => pieces(text).flatMap((piece) => (piece.type === "link" ? [piece.href] : []));
const targets = (text: string) => pieces(text).flatMap((piece) => (piece.type === "target" ? [piece.target.id] : []));

describe("links in plain text", () => {
  it("leave the sentence around them alone", () => {
    expect(links("see https://example.org/a.")).toEqual(["https://example.org/a"]);
    expect(links("(https://example.org/a_(b)), then")).toEqual(["https://example.org/a_(b)"]);
    expect(links("« https://example.org/é »")).toEqual(["https://example.org/%C3%A9"]);
    expect(links("www.example.org!")).toEqual(["https://www.example.org/"]);
  });
  it("keep every character of the text", () => {
    const text = "a https://example.org/x), @alice:example.org: #room:example.org. mailto:a@b.c b";
    expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });
  it("name people and rooms", () => {
    expect(targets("@alice:example.org, come to #tea:example.org:8448 or https://matrix.to/#/!abc:example.org/$event?via=x")).toEqual([
      "@alice:example.org",
      "#tea:example.org:8448",
      "!abc:example.org",
    ]);
    expect(targets("me@example.org:80 a/@b:c")).toEqual([]);
  });
  it("are never scripts", () => {
    expect(links("javascript:alert(1) data:text/html,x vbscript:x")).toEqual([]);
    expect(safeHref("javascript:alert(1)")).toBeNull();
    expect(safeHref(" JaVaScRiPt:alert(1)")).toBeNull();
    expect(safeHref("https://")).toBeNull();
    expect(safeHref("/relative")).toBeNull();
  });
  it("are found quickly in what is meant to hold one up", () => {
    const before = performance.now();
    for (const text of ["a".repeat(90_000), "https://" + "(".repeat(90_000), "@".repeat(90_000), "www." + ".".repeat(90_000), "@a".repeat(40_000)]) pieces(text);
    expect(performance.now() - before).toBeLessThan(1500);
  });
});

describe("Matrix links", () => {
  it("lead to people, rooms and messages", () => {
    expect(targetOf("https://matrix.to/#/%40alice%3Aexample.org")).toEqual({ kind: "user", id: "@alice:example.org" });
    expect(targetOf("https://matrix.to/#/!abc/$event")).toEqual({ kind: "room", id: "!abc", event: "$event", via: [] });
    expect(targetOf("matrix:u/alice:example.org")).toEqual({ kind: "user", id: "@alice:example.org" });
  });
  it("lead nowhere if they are malformed", () => {
    for (const href of ["https://matrix.to/#/", "https://matrix.to/#/alice", "https://matrix.to/#/%E0%A4%A", "matrix:", "https://matrix.to.evil.org/#/@a:b", "@alice:example.org"]) {
      expect(targetOf(href)).toBeNull();
    }
  });
});
