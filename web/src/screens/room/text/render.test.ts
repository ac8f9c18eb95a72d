import { beforeAll, describe, expect, it } from "vitest";
import { loadWords } from "../../../i18n/i18n.svelte";
import { app } from "../../../i18n/parts";
import { isOnlyEmoji } from "./emoji";
import { renderHtml, renderText, type Known } from "./render";
import { makeSanitiser } from "./sanitise";

const known: Known = {
  me: "@me:example.org",
  person: (id) => ({ "@alice:example.org": "Alice", "@me:example.org": "Me" })[id] ?? null,
  room: (id) => (id === "#tea:example.org" ? "Tea" : null),
};
const sanitise = makeSanitiser();

function box(fragment: DocumentFragment): HTMLElement {
  const element = document.createElement("div");
  element.append(fragment);
  return element;
}

beforeAll(() => loadWords(app));

describe("a message's text", () => {
  it("opens links in a new tab that knows nothing of ours", () => {
    for (const element of [box(renderText("go https://example.org/", known)), box(renderHtml('<a href="https://example.org/">here</a>', known, sanitise))]) {
      const link = element.querySelector("a");
      expect(link?.target).toBe("_blank");
      expect(link?.rel).toBe("noopener noreferrer");
    }
  });
  it("shows where a link with other words leads", () => {
    expect(box(renderHtml('<a href="https://evil.example/">https://bank.example/</a>', known, sanitise)).querySelector("a")?.title).toBe("https://evil.example/");
  });
  it("names people as the room does, whatever the link says", () => {
    const element = box(renderHtml('<a href="https://matrix.to/#/@alice:example.org">Mallory</a> and <a href="https://matrix.to/#/@me:example.org">x</a>', known, sanitise));
    expect(element.textContent).toBe("@Alice and @Me");
    expect([...element.querySelectorAll("a")].map((link) => link.getAttribute("href"))).toEqual(["/user/%40alice%3Aexample.org", "/user/%40me%3Aexample.org"]);
    expect(element.querySelector(".me")?.textContent).toBe("@Me");
  });
  it("leads to rooms and messages inside the app", () => {
    const element = box(renderHtml('<a href="https://matrix.to/#/%23tea%3Aexample.org">x</a> <a href="https://matrix.to/#/!r:example.org/$e">that</a>', known, sanitise));
    expect(element.textContent).toBe("Tea that");
    expect(element.querySelectorAll("a")[1]?.getAttribute("href")).toBe("/room/!r%3Aexample.org/%24e");
  });
  it("finds bare links in HTML, but not in code or in links", () => {
    const element = box(renderHtml('<p>https://a.example/ <code>https://b.example/</code></p><a href="https://c.example/">https://d.example/</a>', known, sanitise));
    expect([...element.querySelectorAll("a")].map((link) => link.href)).toEqual(["https://a.example/", "https://c.example/"]);
  });
  it("covers spoilers and pictures until they are asked for", () => {
    const element = box(renderHtml('<span data-mx-spoiler="the end">he dies</span><img src="mxc://example.org/a" alt="cat">', known, sanitise));
    const [spoiler, picture] = element.querySelectorAll("button");
    expect(spoiler?.textContent).toContain("the end");
    expect((spoiler?.nextElementSibling as HTMLElement).hidden).toBe(true);
    expect(picture?.textContent).toContain("cat");
    expect(element.querySelector("img")).toBeNull();
  });
});

describe("emoji alone", () => {
  it("are told from text", () => {
    for (const text of ["👍", " 👩‍👩‍👧‍👦 🇫🇷 ", "❤️", "❤", "👍\ufe0f", "👍🏽", "1️⃣"]) expect([text, isOnlyEmoji(text)]).toEqual([text, true]);
    for (const text of ["", "1", "#", "ok 👍", "👍".repeat(9), "👍".repeat(1000), "a", "©2024"]) expect([text, isOnlyEmoji(text)]).toEqual([text, false]);
  });
});
