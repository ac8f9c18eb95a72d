import { describe, expect, it } from "vitest";
import { editContent, fileContent, fileKind, messageContent } from "./outgoing";

const ME = "@me:here";
const plain = { text: "hi", html: null, mentions: [], mentionsRoom: false };

describe("a message", () => {
  it("says whom it mentions, even if nobody", () => {
    expect(messageContent(plain, null, ME)).toEqual({ msgtype: "m.text", body: "hi", "m.mentions": {} });
    const content = messageContent({ ...plain, html: "<b>hi</b>", mentions: ["@a:b", "@a:b"], mentionsRoom: true, emote: true }, null, ME);
    expect(content).toEqual({ msgtype: "m.emote", body: "hi", format: "org.matrix.custom.html", formatted_body: "<b>hi</b>", "m.mentions": { user_ids: ["@a:b"], room: true } });
  });

  it("tells who is answered, unless it is oneself", () => {
    const reply = { id: "$e", sender: "@a:b" };
    expect(messageContent(plain, reply, ME)).toMatchObject({ "m.mentions": { user_ids: ["@a:b"] }, "m.relates_to": { "m.in_reply_to": { event_id: "$e" } } });
    expect(messageContent(plain, { ...reply, sender: ME }, ME)["m.mentions"]).toEqual({});
  });
});

describe("an edit", () => {
  it("tells only who was not told before", () => {
    const before = { msgtype: "m.text", body: "hi", "m.mentions": { user_ids: ["@a:b"] } };
    const content = editContent("$e", before, { ...plain, text: "ho", mentions: ["@a:b", "@c:d"] });
    expect(content).toEqual({
      msgtype: "m.text",
      body: "* ho",
      "m.mentions": { user_ids: ["@c:d"] },
      "m.new_content": { msgtype: "m.text", body: "ho", "m.mentions": { user_ids: ["@a:b", "@c:d"] } },
      "m.relates_to": { rel_type: "m.replace", event_id: "$e" },
    });
  });

  it("of what stands beside a file keeps the file", () => {
    const before = { msgtype: "m.image", body: "old words", filename: "cat.png", url: "mxc://a/b", info: { w: 1 }, format: "x", formatted_body: "old" };
    const next = editContent("$e", before, { ...plain, text: "new words" })["m.new_content"];
    expect(next).toEqual({ msgtype: "m.image", body: "new words", filename: "cat.png", url: "mxc://a/b", info: { w: 1 }, "m.mentions": {} });
    expect(editContent("$e", before, { ...plain, text: "" })["m.new_content"]).toMatchObject({ body: "cat.png" });
  });
});

describe("a file", () => {
  const facts = { name: "cat.png", mime: "image/png", size: 9, width: 3, height: 2, duration: null };

  it("is a picture only where browsers can show it", () => {
    expect(["image/png", "image/svg+xml", "image/tiff", "video/mp4", "audio/ogg", "text/html", ""].map(fileKind)).toEqual(["image", "file", "file", "video", "audio", "file", "file"]);
  });

  it("carries its size and its caption", () => {
    expect(fileContent(facts, { url: "mxc://a/b", sealed: null, thumbnail: null }, "look")).toEqual({
      msgtype: "m.image",
      body: "look",
      filename: "cat.png",
      url: "mxc://a/b",
      info: { mimetype: "image/png", size: 9, w: 3, h: 2 },
      "m.mentions": {},
    });
    const film = fileContent({ ...facts, mime: "video/mp4", duration: 1200 }, { url: "mxc://a/b", sealed: null, thumbnail: { url: "mxc://a/t", sealed: null, mime: "image/jpeg", size: 1, width: 8, height: 6 } }, "");
    expect(film).toMatchObject({ msgtype: "m.video", body: "cat.png", info: { duration: 1200, thumbnail_url: "mxc://a/t", thumbnail_info: { w: 8, h: 6 } } });
  });
});
