import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeAll, describe, expect, it, vi } from "vitest";
import "../../dev/jsdom";
import { FakeMatrix } from "../../dev/fake.svelte";
import { loadWords } from "../../i18n/i18n.svelte";
import { app, auth } from "../../i18n/parts";

const { default: Profile } = await import("./Profile.svelte");

beforeAll(() => Promise.all([loadWords(auth), loadWords(app)]));

function open(section: string, prepare: (matrix: FakeMatrix) => void = () => undefined): FakeMatrix {
  const matrix = new FakeMatrix();
  prepare(matrix);
  render(Profile, { matrix, section });
  return matrix;
}

const input = (label: RegExp | string, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });
const button = (name: RegExp | string) => screen.getByRole<HTMLButtonElement>("button", { name });

describe("the account", () => {
  it("saves a new name, and none that is empty", async () => {
    const matrix = open("account");
    expect(button("Save").disabled).toBe(true);
    await input("Name", "  ");
    expect(button("Save").disabled).toBe(true);
    await input("Name", " Alice Dupont ");
    await fireEvent.click(button("Save"));
    await waitFor(() => expect(matrix.me.name).toBe("Alice Dupont"));
  });
});

describe("the password", () => {
  it("is changed with the old one, which has to be right", async () => {
    const matrix = open("password");
    await input("Current password", "wrong");
    await input("New password", "correct horse battery staple");
    await fireEvent.click(button("Change password"));
    expect((await screen.findByRole("alert")).textContent).toBe("This is not your password.");
    await input("Current password", "correct");
    await fireEvent.click(button("Change password"));
    await waitFor(() => expect(matrix.me.password).toBe("correct horse battery staple"));
  });
  it("has to be another one, and long enough", async () => {
    open("password");
    await input("Current password", "correct horse");
    await input("New password", "short");
    expect(button("Change password").disabled).toBe(true);
    await input("New password", "correct horse");
    expect(button("Change password").disabled).toBe(true);
  });
});

describe("sessions", () => {
  const device = (id: string, current = false) => ({ id, name: `Browser ${id}`, lastSeen: null, address: "", current });
  const three = (matrix: FakeMatrix) => (matrix.devices.all = [device("A", true), device("B"), device("C")]);
  async function confirm(password: string): Promise<void> {
    const dialog = within(await screen.findByRole("dialog"));
    await fireEvent.input(dialog.getByLabelText("Password"), { target: { value: password } });
    await fireEvent.click(dialog.getByRole("button", { name: "Sign out" }));
  }

  it("are signed out one by one or all others, with the password", async () => {
    const matrix = open("sessions", three);
    await fireEvent.click(await screen.findByRole("button", { name: /Sign out.*Browser B/ }));
    await confirm("wrong");
    await screen.findByText("This is not your password.");
    await confirm("correct");
    await waitFor(() => expect(screen.queryByText("Browser B")).toBeNull());
    expect(matrix.devices.all.map(({ id }) => id)).toEqual(["A", "C"]);
  });
  it("can all be ended but for the one that one is in", async () => {
    const matrix = open("sessions", three);
    await fireEvent.click(await screen.findByRole("button", { name: "Sign out everywhere else" }));
    await confirm("correct");
    await screen.findByText("You are signed in nowhere else.");
    expect(matrix.devices.all.map(({ id }) => id)).toEqual(["A"]);
  });
});

describe("ending the account", () => {
  it("takes the name and the password", async () => {
    const matrix = open("deactivate");
    const deactivate = vi.spyOn(matrix.me, "deactivate");
    const submit = () => button("Deactivate for good");
    await input("Password", "correct");
    expect(submit().disabled).toBe(true);
    await input(/type your name/, "alicia");
    expect(submit().disabled).toBe(true);
    await input(/type your name/, "alice");
    await fireEvent.click(screen.getByRole("switch"));
    await fireEvent.click(submit());
    await waitFor(() => expect(deactivate).toHaveBeenCalledWith("correct", true));
  });
});

describe("what one is told of", () => {
  it("is chosen at once", async () => {
    const matrix = open("notifications");
    await fireEvent.click(screen.getByRole("radio", { name: /Nothing/ }));
    expect(matrix.notifications.level).toBe("none");
  });
});
