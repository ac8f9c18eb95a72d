import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import "../../dev/jsdom";
import { fakeError, FakeMatrix } from "../../dev/fake.svelte";
import { loadWords } from "../../i18n/i18n.svelte";
import { app } from "../../i18n/parts";

const { default: Friends } = await import("./Friends.svelte");
const { dismiss, shownToasts } = await import("../../ui/toasts.svelte");

beforeAll(() => loadWords(app));
beforeEach(() => vi.useFakeTimers({ shouldAdvanceTime: true }));
afterEach(() => {
  vi.runOnlyPendingTimers();
  for (const toast of shownToasts()) dismiss(toast.id);
  vi.useRealTimers();
});

/** Longer than what may be undone. */
const LATER = 6_000;
const last = () => shownToasts().at(-1);
const tab = (name: RegExp) => within(screen.getByRole("navigation")).getByRole("link", { name });
const click = (name: RegExp | string) => fireEvent.click(screen.getByRole("button", { name }));

function open(tab?: string, prepare: (matrix: FakeMatrix) => void = () => undefined) {
  const matrix = new FakeMatrix();
  prepare(matrix);
  const { rerender } = render(Friends, { matrix, tab });
  return { matrix, show: (next: string) => rerender({ matrix, tab: next }) };
}

describe("the friends manager", () => {
  it("has one thing to do where there is nothing yet", () => {
    for (const name of [undefined, "received", "sent", "blocked"]) {
      const { container, unmount } = render(Friends, { matrix: new FakeMatrix(), tab: name });
      expect(container.querySelectorAll(".empty a, .empty button")).toHaveLength(1);
      unmount();
    }
  });

  it("counts what stands in each list, live", async () => {
    const { matrix } = open();
    expect(tab(/Received/).textContent?.trim()).toBe("Received");
    matrix.friends.received = [matrix.request(matrix.person("bob").id)];
    await waitFor(() => expect(tab(/Received/).textContent).toMatch(/1/));
  });

  it("shows friends with their presence, and leads to the conversation", () => {
    open("friends", (matrix) => matrix.befriend(matrix.person("bob", "Bob", { state: "online", lastActive: null, note: "" })));
    const row = within(screen.getByRole("list", { name: "Friends" })).getByRole("link", { name: /Bob/ });
    expect(row.textContent).toContain("Online");
    expect(row.getAttribute("href")).toBe(`/room/${encodeURIComponent("!@bob:salon.test")}`);
  });

  it("falls back to the friends for an address that names no tab", () => {
    open("nonsense");
    expect(tab(/Friends/).getAttribute("aria-current")).toBe("page");
  });

  it("finds a friend among many", async () => {
    open("friends", (matrix) => {
      for (let index = 0; index < 9; index++) matrix.befriend(matrix.person(`friend${index}`, index === 4 ? "Zoé" : `Friend ${index}`));
    });
    await fireEvent.input(screen.getByRole("searchbox"), { target: { value: "zoe" } });
    expect(within(screen.getByRole("list", { name: "Friends" })).getAllByRole("listitem")).toHaveLength(1);
    await fireEvent.input(screen.getByRole("searchbox"), { target: { value: "nobody" } });
    await click("Show all");
    expect(within(screen.getByRole("list", { name: "Friends" })).getAllByRole("listitem")).toHaveLength(9);
  });
});

describe("a request that was received", () => {
  const withRequest = (matrix: FakeMatrix) => (matrix.friends.received = [matrix.request(matrix.person("bob", "Bob").id, "Hello, it’s Bob")]);

  it("is accepted, and the conversation is one press away", async () => {
    const { matrix } = open("received", withRequest);
    expect(screen.getByText("Hello, it’s Bob")).toBeTruthy();
    await click("Accept");
    await waitFor(() => expect(matrix.friends.relation("@bob:salon.test")).toBe("friend"));
    expect(last()?.action?.label).toBe("Message");
  });

  it("is declined after five seconds, not before", async () => {
    const { matrix } = open("received", withRequest);
    await click("Decline");
    expect(screen.queryByText("Hello, it’s Bob")).toBeNull();
    expect(matrix.friends.received).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(LATER);
    expect(matrix.friends.received).toHaveLength(0);
  });

  it("comes back by undo, and is not declined then", async () => {
    const { matrix } = open("received", withRequest);
    await click("Decline");
    last()?.action?.run();
    await screen.findByText("Hello, it’s Bob");
    await vi.advanceTimersByTimeAsync(LATER);
    expect(matrix.friends.received).toHaveLength(1);
  });

  it("comes back if declining fails, with a sentence", async () => {
    const { matrix } = open("received", withRequest);
    await click("Decline");
    matrix.friends.failure = fakeError("offline");
    await vi.advanceTimersByTimeAsync(LATER);
    await screen.findByText("Hello, it’s Bob");
    expect(last()?.text).toMatch(/can’t be reached/);
  });

  it("says so where it was taken back meanwhile", async () => {
    const { matrix } = open("received", withRequest);
    matrix.friends.failure = fakeError("forbidden", "M_FORBIDDEN");
    await click("Accept");
    await waitFor(() => expect(last()?.text).toMatch(/has taken the request back/));
  });
});

describe("a request that was sent", () => {
  const withRequest = (matrix: FakeMatrix) => (matrix.friends.sent = [matrix.request(matrix.person("bob", "Bob").id)]);

  it("is taken back after five seconds", async () => {
    const { matrix } = open("sent", withRequest);
    await click("Take back");
    await vi.advanceTimersByTimeAsync(LATER);
    expect(matrix.friends.sent).toHaveLength(0);
  });

  it("makes friends if they were quicker", async () => {
    const { matrix } = open("sent", withRequest);
    await click("Take back");
    const [request] = matrix.friends.sent;
    if (request) matrix.friends.list = [request];
    matrix.friends.failure = fakeError("other", "", "They have accepted already");
    await vi.advanceTimersByTimeAsync(LATER);
    expect(last()?.text).toMatch(/are friends now/);
  });

  it("is sent again", async () => {
    open("sent", withRequest);
    await click("Ask again");
    await waitFor(() => expect(last()?.text).toMatch(/asked again/));
  });
});

describe("blocking", () => {
  it("asks first, and ends at the press of a button", async () => {
    const { matrix, show } = open("received", (one) => (one.friends.received = [one.request(one.person("bob", "Bob").id)]));
    await fireEvent.click(screen.getByRole("menuitem", { name: "Block", hidden: true }));
    await fireEvent.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Block" }));
    await waitFor(() => expect(matrix.people.ignored).toEqual(["@bob:salon.test"]));
    expect(matrix.friends.received).toHaveLength(0);
    await show("blocked");
    await click(/Unblock/);
    await waitFor(() => expect(matrix.people.ignored).toEqual([]));
  });
});

describe("adding a friend", () => {
  const search = (value: string) => fireEvent.input(screen.getByRole("searchbox"), { target: { value } });
  const row = async (name: RegExp) => (await within(await screen.findByRole("list", { name: "People found" })).findByText(name)).closest("li") as HTMLElement;

  it("asks whom one found", async () => {
    const { matrix } = open("add", (one) => one.person("bob", "Bob"));
    await search("bob");
    await fireEvent.click(within(await row(/Bob/)).getByRole("button", { name: "Add" }));
    await waitFor(() => expect(matrix.friends.relation("@bob:salon.test")).toBe("sent"));
    expect(within(await row(/Bob/)).getByText("You have asked them")).toBeTruthy();
  });

  it("knows who is a friend, has asked, or is blocked", async () => {
    open("add", (one) => {
      one.befriend(one.person("anna", "Anna"));
      one.friends.received = [one.request(one.person("annette", "Annette").id)];
      one.person("annika", "Annika");
      one.people.ignored = ["@annika:salon.test"];
    });
    await search("ann");
    expect(within(await row(/^Anna$/)).getByRole("link", { name: "Message" })).toBeTruthy();
    expect(within(await row(/Annette/)).getByRole("button", { name: "Accept" })).toBeTruthy();
    expect(within(await row(/Annika/)).getByRole("button", { name: "Unblock" })).toBeTruthy();
  });

  it("says what is the matter with oneself, strangers, and other servers", async () => {
    open("add");
    await search("@alice:salon.test");
    await screen.findByText(/That’s you/);
    await search("@nobody:salon.test");
    await screen.findByText(/nobody called @nobody:salon\.test/);
    await search("@bob:elsewhere.org");
    await screen.findByText(/elsewhere\.org is another server/);
  });

  it("tells kindly whom one may not ask", async () => {
    const { matrix } = open("add", (one) => one.person("bob", "Bob"));
    await search("bob");
    matrix.friends.failure = fakeError("forbidden", "M_INVITE_BLOCKED");
    await fireEvent.click(within(await row(/Bob/)).getByRole("button", { name: "Add" }));
    await waitFor(() => expect(last()?.text).toMatch(/wants no requests/));
  });
});
