import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Batch, Part } from "./batch";
import { attempt, failure, orMissing } from "./errors";
import { FIRST_SYNC } from "./first";
import { Http } from "./http";
import { changesFor, changesForDefault, defaultLevel, levelOf } from "./pushrules";

describe("failures", () => {
  it.each([
    [{ errcode: "M_FORBIDDEN", httpStatus: 403 }, "forbidden"],
    [{ errcode: "M_NOT_FOUND", httpStatus: 404 }, "notFound"],
    [{ errcode: "M_UNRECOGNIZED", httpStatus: 404 }, "other"],
    [{ errcode: "M_TOO_LARGE", httpStatus: 413 }, "tooLarge"],
    [{ errcode: "M_UNKNOWN_TOKEN", httpStatus: 401 }, "unknownToken"],
    [{ httpStatus: 502 }, "offline"],
    [new TypeError("Failed to fetch"), "offline"],
    [{ name: "ConnectionError" }, "offline"],
    [new DOMException("gone", "AbortError"), "cancelled"],
    [new Error("a bug"), "other"],
    [undefined, "other"],
  ])("%j is %s", (cause, kind) => {
    expect(failure(cause).kind).toBe(kind);
  });

  it("name the time to wait, by header before body", () => {
    expect(failure({ errcode: "M_LIMIT_EXCEEDED", httpStatus: 429, data: { retry_after_ms: 1500 } })).toMatchObject({ kind: "limited", retryAfter: 1500 });
    const httpHeaders = new Headers({ "Retry-After": "3" });
    expect(failure({ errcode: "M_LIMIT_EXCEEDED", httpStatus: 429, httpHeaders, data: { retry_after_ms: 1 } }).retryAfter).toBe(3000);
  });
});

describe("patience", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("waits as long as the server asks, a few times", async () => {
    const limited = { errcode: "M_LIMIT_EXCEEDED", httpStatus: 429, data: { retry_after_ms: 1000 } };
    const request = vi.fn().mockRejectedValueOnce(limited).mockRejectedValueOnce(limited).mockResolvedValue("there");
    const answer = attempt(request);
    await vi.advanceTimersByTimeAsync(999);
    expect(request).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1001);
    expect(await answer).toBe("there");
  });

  it("gives up where the wait is longer than a person's", async () => {
    const request = vi.fn().mockRejectedValue({ errcode: "M_LIMIT_EXCEEDED", httpStatus: 429, data: { retry_after_ms: 60_000 } });
    await expect(attempt(request)).rejects.toMatchObject({ kind: "limited", retryAfter: 60_000 });
    expect(request).toHaveBeenCalledTimes(1);
  });

  it("takes what is missing for nothing, and no other failure", async () => {
    expect(await orMissing(Promise.reject({ errcode: "M_NOT_FOUND", httpStatus: 404 }), 7)).toBe(7);
    await expect(orMissing(Promise.reject({ errcode: "M_FORBIDDEN", httpStatus: 403 }), 7)).rejects.toMatchObject({ kind: "forbidden" });
  });
});

describe("a batch", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("gathers what is marked and applies it once", () => {
    const apply = vi.fn();
    const batch = new Batch(apply);
    batch.room("!a", Part.facts);
    batch.room("!a", Part.unread);
    batch.room("!b", Part.typing);
    expect(apply).not.toHaveBeenCalled();
    vi.runAllTimers();
    expect(apply).toHaveBeenCalledTimes(1);
    expect(apply.mock.calls[0]?.[0]).toEqual(new Map([["!a", Part.facts | Part.unread], ["!b", Part.typing]]));
  });

  it("applies what the update itself marks, and stops when told", () => {
    const batch = new Batch((rooms) => void (rooms.has("!a") && batch.room("!b", Part.facts)));
    const task = vi.fn();
    batch.room("!a", Part.facts);
    batch.once(task);
    batch.once(task);
    batch.flush();
    expect(task).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
    batch.stop();
    batch.room("!c", Part.facts);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("tokens", () => {
  const unknown = () => Response.json({ errcode: "M_UNKNOWN_TOKEN" }, { status: 401 });
  const asked = { headers: { Authorization: "Bearer old" } };

  it("are renewed once when they have run out, for all who wait", async () => {
    const onTokens = vi.fn();
    const fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
      if (String(input).endsWith("/refresh")) return Response.json({ access_token: "new", refresh_token: "next", expires_in_ms: 60_000 });
      return new Headers(init?.headers).get("Authorization") === "Bearer new" ? Response.json({ ok: true }) : unknown();
    });
    const http = new Http({ baseUrl: "", tokens: { accessToken: "old", refreshToken: "one" }, onTokens, fetch });
    const answers = await Promise.all([http.fetch("/a", asked), http.fetch("/b", asked)]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    expect(onTokens).toHaveBeenCalledTimes(1);
    expect(onTokens.mock.calls[0]?.[0]).toMatchObject({ accessToken: "new", refreshToken: "next" });
  });

  it("that another tab has renewed are taken over", async () => {
    const fetch = vi.fn(async (_input: RequestInfo | URL, init?: RequestInit) => (new Headers(init?.headers).get("Authorization") === "Bearer theirs" ? Response.json({}) : unknown()));
    const http = new Http({ baseUrl: "", tokens: { accessToken: "old", refreshToken: "one" }, stored: () => ({ accessToken: "theirs" }), fetch });
    expect((await http.fetch("/a", asked)).status).toBe(200);
    expect(fetch.mock.calls.some(([input]) => String(input).endsWith("/refresh"))).toBe(false);
  });

  it("that can't be renewed are given back as refused", async () => {
    const http = new Http({ baseUrl: "", tokens: { accessToken: "old" }, fetch: async () => unknown() });
    expect((await http.fetch("/a", asked)).status).toBe(401);
  });

  it("are not given to requests that carry none", async () => {
    const fetch = vi.fn(async (_input: RequestInfo | URL, _init?: RequestInit) => Response.json({}));
    await new Http({ baseUrl: "", tokens: { accessToken: "old" }, fetch }).fetch("/versions");
    expect(new Headers(fetch.mock.calls[0]?.[1]?.headers).has("Authorization")).toBe(false);
  });
});

describe("asking ahead", () => {
  it("answers the first who asks, once", async () => {
    const fetch = vi.fn(async (_input: RequestInfo | URL, _init?: RequestInit) => Response.json({ n: fetch.mock.calls.length }));
    const http = new Http({ baseUrl: "http://here", tokens: { accessToken: "a" }, fetch });
    http.ahead("/versions");
    const ask = async () => (await http.fetch("http://here/versions", { headers: { Authorization: "x" } })).json();
    expect(await ask()).toEqual({ n: 1 });
    expect(await ask()).toEqual({ n: 2 });
  });

  it("takes what the login page asked, and asks again where that had no answer", async () => {
    const fetch = vi.fn(async (_input: RequestInfo | URL, _init?: RequestInit) => Response.json({ from: "anew" }));
    const answers = new Map<string, Promise<Response | null>>([
      [FIRST_SYNC, Promise.resolve(Response.json({ from: "login" }))],
      ["/versions", Promise.resolve(null)],
    ]);
    const http = new Http({ baseUrl: "http://here", tokens: { accessToken: "a" }, fetch, answers });
    const ask = async (path: string) => (await http.fetch(`http://here${path}`, { headers: { Authorization: "x" } })).json();
    const sync = `${FIRST_SYNC}&_cacheBuster=1795557172883`;
    expect(await ask(sync)).toEqual({ from: "login" });
    expect(await ask(sync)).toEqual({ from: "anew" });
    expect(await ask("/versions")).toEqual({ from: "anew" });
  });
});

describe("a sync that waits", () => {
  const asked = { headers: { Authorization: "x" } };
  const waiting = (_input: RequestInfo | URL, init?: RequestInit) =>
    new Promise<Response>((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(new DOMException("gone", "AbortError"))));

  it("can be let go of, and nothing else with it", async () => {
    const http = new Http({ baseUrl: "", tokens: { accessToken: "a" }, fetch: waiting });
    const sync = http.fetch("/_matrix/client/v3/sync?since=s1", asked);
    const other = vi.fn();
    void http.fetch("/_matrix/client/v3/rooms/!a/send", asked).catch(other);
    await Promise.resolve();
    http.interruptSync();
    await expect(sync).rejects.toMatchObject({ name: "AbortError" });
    expect(other).not.toHaveBeenCalled();
  });

  it("still heeds who asked for it", async () => {
    const http = new Http({ baseUrl: "", tokens: { accessToken: "a" }, fetch: waiting });
    const abort = new AbortController();
    const sync = http.fetch("/_matrix/client/v3/sync", { ...asked, signal: abort.signal });
    await Promise.resolve();
    abort.abort();
    await expect(sync).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("push rules of a room", () => {
  const ROOM = "!a:here";
  const mute = { rule_id: ROOM, enabled: true, actions: [], conditions: [{ kind: "event_match", key: "room_id", pattern: ROOM }] };
  const quiet = { rule_id: ROOM, enabled: true, actions: [] };
  const loud = { rule_id: ROOM, enabled: true, actions: ["notify"] };

  it("say how loud it is", () => {
    expect(levelOf({ global: { override: [mute] } }, ROOM)).toBe("none");
    expect(levelOf({ global: { room: [quiet] } }, ROOM)).toBe("mentions");
    expect(levelOf({ global: { room: [loud] } }, ROOM)).toBe("all");
    expect(levelOf({ global: { room: [{ ...loud, enabled: false }] } }, ROOM)).toBe("default");
    expect(levelOf(undefined, ROOM)).toBe("default");
  });

  it("change by the fewest requests", () => {
    expect(changesFor({}, ROOM, "default")).toEqual([]);
    expect(changesFor({ global: { override: [mute] } }, ROOM, "default")).toEqual([{ kind: "override", rule: null }]);
    expect(changesFor({ global: { room: [loud] } }, ROOM, "none").map(({ kind, rule }) => [kind, rule === null])).toEqual([["override", false], ["room", true]]);
    expect(changesFor({ global: { override: [mute] } }, ROOM, "mentions").map(({ kind, rule }) => [kind, rule === null])).toEqual([["room", false], ["override", true]]);
  });

  it("in general follow the built-in ones", () => {
    const rules = (master: boolean, message: boolean) => ({
      global: { override: [{ rule_id: ".m.rule.master", enabled: master, actions: [] }], underride: [{ rule_id: ".m.rule.message", enabled: message, actions: ["notify"] }] },
    });
    expect([defaultLevel(rules(true, true)), defaultLevel(rules(false, false)), defaultLevel(rules(false, true))]).toEqual(["none", "mentions", "all"]);
    expect(changesForDefault(rules(true, true), "mentions").map(({ id, body }) => [id, body["enabled"]])).toEqual([[".m.rule.master", false], [".m.rule.message", false]]);
  });
});
