import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeAll, describe, expect, it, vi } from "vitest";
import "../../dev/jsdom";
import { fakeError, FakeMatrix, FakeMember, FakeRoom } from "../../dev/fake.svelte";
import { loadWords } from "../../i18n/i18n.svelte";
import { app } from "../../i18n/parts";

const { default: PersonPanel } = await import("./PersonPanel.svelte");

beforeAll(() => loadWords(app));

const BOB = "@bob:salon.test";

function open(id = BOB, room: FakeRoom | null = null, matrix = new FakeMatrix()) {
  if (!matrix.people.everybody.has(BOB)) matrix.person("bob", "Bob");
  render(PersonPanel, { matrix, userId: id, room, onclose: vi.fn() });
  return matrix;
}

/** A room in which Bob is, and what I may do about him. */
function roomWith(matrix: FakeMatrix, rights: { kick?: boolean; ban?: boolean; maxPower?: number | null }): { room: FakeRoom; bob: FakeMember } {
  const room = new FakeRoom("!room", "Garden");
  const bob = new FakeMember(matrix.person("bob", "Bob"), false);
  const me = new FakeMember(matrix.me, true, 100);
  Object.assign(bob, { canKick: rights.kick ?? false, canBan: rights.ban ?? false, maxPower: rights.maxPower ?? null });
  room.members.all = [me, bob];
  return { room, bob };
}

describe("somebody's profile", () => {
  it("says that there is no such user", async () => {
    open("@nobody:salon.test");
    await screen.findByText("Nobody has this ID");
  });

  it("says that another server can't be reached", async () => {
    open("@bob:elsewhere.org");
    await screen.findByText(/elsewhere\.org.* is another server/);
  });

  it("leads to my own settings where it is me", () => {
    open("@alice:salon.test");
    expect(screen.getByRole("link", { name: "Edit my profile" }).getAttribute("href")).toBe("/profile/account");
    expect(screen.queryByRole("button", { name: "Block" })).toBeNull();
  });

  it("shows the rooms that we share, but for our conversation", () => {
    const matrix = new FakeMatrix();
    const talk = matrix.befriend(matrix.person("bob", "Bob"));
    matrix.people.shares.set(BOB, [talk, new FakeRoom("!garden", "Garden")]);
    open(BOB, null, matrix);
    const list = within(screen.getByRole("region", { name: "Rooms you share" })).getAllByRole("listitem");
    expect(list.map((item) => item.textContent)).toEqual([expect.stringContaining("Garden")]);
  });

  it("shows nothing that I may not do in the room", () => {
    const matrix = new FakeMatrix();
    open(BOB, roomWith(matrix, {}).room, matrix);
    expect(screen.getByText("Member")).toBeTruthy();
    for (const name of ["Remove", "Ban"]) expect(screen.queryByRole("button", { name })).toBeNull();
    expect(screen.queryByRole("radio")).toBeNull();
  });

  it("removes from the room after asking why", async () => {
    const matrix = new FakeMatrix();
    const { room, bob } = roomWith(matrix, { kick: true });
    const kick = vi.spyOn(room.members, "kick");
    open(BOB, room, matrix);
    await fireEvent.click(screen.getByRole("button", { name: "Remove" }));
    const dialog = within(await screen.findByRole("dialog"));
    await fireEvent.input(dialog.getByRole("textbox"), { target: { value: " rude " } });
    await fireEvent.click(dialog.getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(bob.membership).toBe("leave"));
    expect(kick).toHaveBeenCalledWith(BOB, "rude");
  });

  it("changes a role at once, and asks before one that can't be taken back", async () => {
    const matrix = new FakeMatrix();
    const { room, bob } = roomWith(matrix, { maxPower: 100 });
    open(BOB, room, matrix);
    await fireEvent.click(screen.getByRole("radio", { name: "Moderator" }));
    await waitFor(() => expect(bob.power).toBe(50));
    await fireEvent.click(screen.getByRole("radio", { name: "Admin" }));
    const dialog = within(await screen.findByRole("dialog"));
    expect(bob.power).toBe(50);
    await fireEvent.click(dialog.getByRole("button", { name: "Give" }));
    await waitFor(() => expect(bob.power).toBe(100));
  });

  it("says that the server takes no reports", async () => {
    const matrix = new FakeMatrix();
    matrix.people.reportFailure = fakeError("other", "M_UNRECOGNIZED");
    open(BOB, null, matrix);
    await fireEvent.click(screen.getByRole("button", { name: "Report" }));
    const dialog = within(await screen.findByRole("dialog"));
    await fireEvent.input(dialog.getByRole("textbox"), { target: { value: "spam" } });
    await fireEvent.click(dialog.getByRole("button", { name: "Report" }));
    expect((await dialog.findByRole("alert")).textContent).toMatch(/takes no reports/);
  });
});
