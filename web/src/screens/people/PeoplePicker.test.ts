import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeAll, describe, expect, it } from "vitest";
import "../../dev/jsdom";
import { FakeMatrix } from "../../dev/fake.svelte";
import { loadWords } from "../../i18n/i18n.svelte";
import { app } from "../../i18n/parts";
import type { Person } from "../../matrix/types";

const { default: Holder } = await import("../../dev/PickerHolder.svelte");

beforeAll(() => loadWords(app));

function open(exclude: string[] = []) {
  const matrix = new FakeMatrix();
  const zoe = matrix.person("zoe", "Zoé");
  matrix.befriend(zoe);
  matrix.person("bob", "Bob");
  matrix.person("bobby", "Bobby");
  let selected: readonly Person[] = [];
  render(Holder, { matrix, exclude, onselect: (people: readonly Person[]) => (selected = people) });
  return { matrix, field: screen.getByRole<HTMLInputElement>("combobox"), chosen: () => selected.map((person) => person.id) };
}

const type = (field: HTMLElement, value: string) => fireEvent.input(field, { target: { value } });
const press = (field: HTMLElement, key: string) => fireEvent.keyDown(field, { key });
const option = (name: RegExp) => screen.findByRole("option", { name });

describe("choosing people", () => {
  it("offers friends before anything is typed, and takes one by a click", async () => {
    const { chosen } = open();
    await fireEvent.click(await option(/Zoé/));
    expect(chosen()).toEqual(["@zoe:salon.test"]);
    expect(screen.queryByRole("option", { name: /Zoé/ })).toBeNull();
  });

  it("finds people as one types; arrows move, Enter takes", async () => {
    const { field, chosen } = open();
    await type(field, "bob");
    await option(/Bobby/);
    await press(field, "ArrowDown");
    await press(field, "Enter");
    expect(chosen()).toEqual(["@bobby:salon.test"]);
    expect(field.value).toBe("");
  });

  it("finds friends without their accents", async () => {
    const { field } = open();
    await type(field, "zoe");
    await option(/Zoé/);
  });

  it("takes back the last by Backspace in the empty field, and any by its button", async () => {
    const { field, chosen } = open();
    for (const name of ["bob", "bobby"]) {
      await type(field, `@${name}:salon.test`);
      await option(new RegExp(`${name}:`));
      await press(field, "Enter");
    }
    expect(chosen()).toEqual(["@bob:salon.test", "@bobby:salon.test"]);
    await press(field, "Backspace");
    expect(chosen()).toEqual(["@bob:salon.test"]);
    await fireEvent.click(screen.getByRole("button", { name: /Bob/ }));
    expect(chosen()).toEqual([]);
  });

  it("takes a whole ID before the answer is there, once the server knows it", async () => {
    const { field, chosen } = open();
    await type(field, "@bob:salon.test");
    await press(field, "Enter");
    await waitFor(() => expect(chosen()).toEqual(["@bob:salon.test"]));
  });

  it("says who does not exist", async () => {
    const { field, chosen } = open();
    await type(field, "@nobody:salon.test");
    await press(field, "Enter");
    await screen.findByText(/@nobody:salon\.test/);
    expect(chosen()).toEqual([]);
  });

  it("takes several that are pasted", async () => {
    const { field, chosen } = open();
    await fireEvent.paste(field, { clipboardData: { getData: () => "@bob:salon.test @nobody:salon.test\n@bobby:salon.test" } });
    await waitFor(() => expect(chosen()).toEqual(["@bob:salon.test", "@bobby:salon.test"]));
    expect(screen.getByText(/@nobody:salon\.test/)).toBeTruthy();
  });

  it("shows who is there already, and does not take them", async () => {
    const { field, chosen } = open(["@bob:salon.test"]);
    await type(field, "bob");
    const there = await option(/Already there/);
    expect(there.getAttribute("aria-disabled")).toBe("true");
    expect(within(there).getByText("Bob")).toBeTruthy();
    await fireEvent.click(there);
    expect(chosen()).toEqual([]);
  });

  it("knows oneself", async () => {
    const { field } = open();
    await type(field, "@alice:salon.test");
    await screen.findByText("That’s you.");
  });
});
