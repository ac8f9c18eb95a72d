import { describe, expect, it } from "vitest";
import { toHtml } from "./markdown";
import { findMentions, namesOf, type Mention } from "./mentions";
import { runCommand } from "./slash";
import { codeAt, triggerAt } from "./trigger";

const html = (text: string) => toHtml(text, []);
const people = [
  { id: "@alice:example.org", name: "Alice" },
  { id: "@alicia:example.org", name: "Alice Liddell" },
  { id: "@bob1:example.org", name: "Bob" },
  { id: "@bob2:example.org", name: "Bob" },
  { id: "@zoe:example.org", name: "Zoë 🌸" },
];
const named = (text: string, chosen: readonly (readonly [string, string])[] = [], room = true) =>
  findMentions(text, namesOf(people, new Map(chosen)), room).map(({ id, start, end }) => [id, text.slice(start, end)]);

describe("Markdown", () => {
  it("says nothing more where there are no formats", async () => {
    for (const text of ["hello", "two\nlines", "see https://example.org/?a=1&b=2", "me@example.org", "1 < 2 & 3 > 2", "a - b", "#hash", "C:/x"]) {
      expect([text, await html(text)]).toEqual([text, null]);
    }
  });
  it("knows the usual formats", async () => {
    expect(await html("**bold** and *light*")).toBe("<strong>bold</strong> and <em>light</em>");
    expect(await html("~~gone~~ `a < b`")).toBe("<del>gone</del> <code>a &lt; b</code>");
    expect(await html("```rust\nfn main() {}\n```")).toBe('<pre><code class="language-rust">fn main() {}\n</code></pre>');
    expect(await html("- a\n- b")).toBe("<ul>\n<li>a</li>\n<li>b</li>\n</ul>");
    expect(await html("3. c\n4. d")).toContain('<ol start="3">');
    expect(await html("> quoted\n\nanswer")).toBe("<blockquote>\n<p>quoted</p>\n</blockquote>\n<p>answer</p>");
    expect(await html("[here](https://example.org/)")).toBe('<a href="https://example.org/">here</a>');
    expect(await html("a *b*\nc")).toBe("a <em>b</em><br>c");
    expect(await html("||the end||")).toBe("<span data-mx-spoiler>the end</span>");
    expect(await html("- [x] done\n- [ ] open")).toContain("☑");
  });
  it("takes HTML for text", async () => {
    expect(await html("*a* <b onclick=x>b</b>")).toBe("<em>a</em> &lt;b onclick=x&gt;b&lt;/b&gt;");
    expect(await html("<script>alert(1)</script> **x**")).toBe("&lt;script&gt;alert(1)&lt;/script&gt; <strong>x</strong>");
    expect(await html("<div>\n\n**x**")).not.toContain("<div>");
  });
  it("links only to what may be opened, and loads no pictures", async () => {
    expect(await html("**[x](javascript:alert(1))**")).toBe("<strong>x</strong>");
    expect(await html("**[x](data:text/html,x)**")).toBe("<strong>x</strong>");
    expect(await html("![cat](https://example.org/cat.png)")).toBe('<a href="https://example.org/cat.png">cat</a>');
    expect(await html('[x](https://example.org/"onclick="x)')).not.toContain('"onclick');
  });
  it("does not surprise: no code by indenting, no headings by underlining, no vanishing definitions", async () => {
    expect(await html("    indented **x**")).not.toContain("<code>");
    expect(await html("title\n---")).not.toContain("<h2>");
    expect(await html("[a]: https://example.org/ **x**")).toContain("[a]:");
  });
  it("is quick with what is meant to be slow", async () => {
    // Of the processor's time: others may want it too.
    const before = process.cpuUsage();
    for (const text of ["*".repeat(20_000), "[".repeat(20_000), "||".repeat(10_000), "> ".repeat(20_000) + "x"]) await html(text);
    // What grows as it should takes a second or two, and a few on a machine that is busy; what doesn't takes minutes.
    expect(process.cpuUsage(before).user).toBeLessThan(15_000_000);
  }, 60_000);
});

describe("mentions", () => {
  it("are found by name, the longest first, at the end of a word", () => {
    expect(named("@Alice Liddell and @alice, @Alicef")).toEqual([
      ["@alicia:example.org", "@Alice Liddell"],
      ["@alice:example.org", "@alice"],
    ]);
    expect(named("hi @Zoë 🌸!")).toEqual([["@zoe:example.org", "@Zoë 🌸"]]);
    expect(named("mail me@alice.example")).toEqual([]);
  });
  it("name nobody where it is not clear whom, unless one was chosen", () => {
    expect(named("@Bob")).toEqual([]);
    expect(named("@Bob", [["Bob", "@bob2:example.org"]])).toEqual([["@bob2:example.org", "@Bob"]]);
  });
  it("understand whole IDs, and the room where one may", () => {
    expect(named("@carol:example.org: hi @room")).toEqual([
      ["@carol:example.org", "@carol:example.org"],
      [null, "@room"],
    ]);
    expect(named("@room", [], false)).toEqual([]);
  });
  it("become links in the HTML, but not in code", async () => {
    const text = "@Alice see `@Alice` *now*";
    const mentions: Mention[] = findMentions(text, namesOf(people, new Map()), true);
    expect(await toHtml(text, mentions)).toBe('<a href="https://matrix.to/#/%40alice%3Aexample.org">@Alice</a> see <code>@Alice</code> <em>now</em>');
    expect(await toHtml("@Alice <b>", findMentions("@Alice <b>", namesOf(people, new Map()), true))).toBe('<a href="https://matrix.to/#/%40alice%3Aexample.org">@Alice</a> &lt;b&gt;');
  });
});

describe("commands", () => {
  it("are few, and all else is text", () => {
    expect(runCommand("/me waves")).toEqual({ text: "waves", emote: true });
    expect(runCommand("/shrug well")).toEqual({ text: "well ¯\\_(ツ)_/¯", plain: true });
    expect(runCommand("//me waves")).toEqual({ text: "/me waves" });
    expect(runCommand("/etc/passwd")).toEqual({ text: "/etc/passwd" });
    expect(runCommand("/unknown x")).toEqual({ text: "/unknown x" });
  });
});

describe("what is suggested", () => {
  it("follows the caret", () => {
    expect(triggerAt("hi @al", 6)).toEqual({ kind: "person", term: "al", start: 3, end: 6 });
    expect(triggerAt("hi @Alice Li", 12)?.term).toBe("Alice Li");
    expect(triggerAt("so :smi", 7)).toEqual({ kind: "emoji", term: "smi", start: 3, end: 7 });
    expect(triggerAt("/sh", 3)).toEqual({ kind: "command", term: "sh", start: 0, end: 3 });
    for (const text of ["me@al", "12:30", "a:sm", "x /sh", "hello", ":s"]) expect([text, triggerAt(text, text.length)]).toEqual([text, null]);
  });
  it("knows whole codes", () => {
    expect(codeAt("so :smile:", 10)).toEqual({ kind: "emoji", term: "smile", start: 3, end: 10 });
    expect(codeAt("12:30:", 6)).toBeNull();
  });
});
