import { describe, expect, it } from "vitest";
import { isEdit, mentions, readBody, replyOf } from "./body";

const message = (content: object) => readBody("m.room.message", content as never);

describe("what a message shows", () => {
  it("reads text, notices and emotes, formatted or not", () => {
    expect(message({ msgtype: "m.text", body: "hi" })).toEqual({ type: "text", text: "hi", html: null });
    const formatted = { msgtype: "m.emote", body: "waves", format: "org.matrix.custom.html", formatted_body: "<b>waves</b>" };
    expect(message(formatted)).toEqual({ type: "emote", text: "waves", html: "<b>waves</b>" });
    expect(message({ ...formatted, format: "something.else" })).toMatchObject({ html: null });
  });

  it("drops the quotes that old clients write into replies, and no others", () => {
    const content = {
      msgtype: "m.text",
      body: "> <@a:b> hello\n> there\n\nanswer\n> mine",
      format: "org.matrix.custom.html",
      formatted_body: "<mx-reply><blockquote>hello</blockquote></mx-reply>answer",
      "m.relates_to": { "m.in_reply_to": { event_id: "$e" } },
    };
    expect(message(content)).toEqual({ type: "text", text: "answer\n> mine", html: "answer" });
    expect(message({ msgtype: "m.text", body: "> quoted by hand\n\nyes" })).toMatchObject({ text: "> quoted by hand\n\nyes" });
  });

  it("reads pictures, with a caption only where the body is not the name", () => {
    const picture = { msgtype: "m.image", body: "cat.png", url: "mxc://here/abc", info: { w: 300, h: 200, size: 5, mimetype: "image/png", thumbnail_url: "mxc://here/t" } };
    expect(message(picture)).toEqual({
      type: "image",
      file: { mxc: "mxc://here/abc", name: "cat.png", size: 5, mime: "image/png", local: null },
      width: 300,
      height: 200,
      thumbnail: "mxc://here/t",
      caption: "",
    });
    expect(message({ ...picture, filename: "cat.png", body: "my cat" })).toMatchObject({ caption: "my cat", file: { name: "cat.png" } });
  });

  it("holds out against nonsense", () => {
    expect(message({})).toEqual({ type: "unknown", event: "m.room.message" });
    expect(message({ msgtype: 7, body: ["x"] })).toEqual({ type: "unknown", event: "m.room.message" });
    expect(message({ msgtype: "m.strange", body: "words" })).toMatchObject({ type: "text", text: "words" });
    const hostile = { msgtype: "m.image", body: {}, url: "https://tracker.example/x.png", info: { w: -4, h: "1e9", size: NaN, thumbnail_url: "javascript:alert(1)" } };
    expect(message(hostile)).toEqual({
      type: "image",
      file: { mxc: null, name: "", size: null, mime: "application/octet-stream", local: null },
      width: 0,
      height: 0,
      thumbnail: null,
      caption: "",
    });
  });

  it("shows a formatted text of great length as it was typed", () => {
    expect(message({ msgtype: "m.text", body: "x", format: "org.matrix.custom.html", formatted_body: "a".repeat(100_001) })).toMatchObject({ html: null });
  });

  it("tells encrypted and unknown events apart", () => {
    expect(readBody("m.room.encrypted", {})).toEqual({ type: "encrypted", why: "waiting" });
    expect(readBody("m.poll.start", {})).toEqual({ type: "unknown", event: "m.poll.start" });
  });
});

describe("relations", () => {
  it("finds what is answered, and the thread's first where that is only said for old clients", () => {
    expect(replyOf({ "m.relates_to": { "m.in_reply_to": { event_id: "$a" } } })).toBe("$a");
    const thread = { rel_type: "m.thread", event_id: "$root", is_falling_back: true, "m.in_reply_to": { event_id: "$last" } };
    expect(replyOf({ "m.relates_to": thread })).toBe("$root");
    expect(replyOf({ "m.relates_to": { ...thread, is_falling_back: false } })).toBe("$last");
    expect(replyOf({ "m.relates_to": "nonsense" })).toBeNull();
  });

  it("knows edits and mentions", () => {
    expect(isEdit({ "m.relates_to": { rel_type: "m.replace", event_id: "$a" } })).toBe(true);
    expect(mentions({ "m.mentions": { user_ids: ["@me:here"] } }, "@me:here")).toBe(true);
    expect(mentions({ "m.mentions": { room: true } }, "@me:here")).toBe(true);
    expect(mentions({ "m.mentions": { user_ids: "@me:here" } }, "@me:here")).toBe(false);
    expect(mentions({}, "@me:here")).toBeNull();
  });
});
