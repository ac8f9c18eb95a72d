/** Words for what happened in a room: one sentence a notice, and one for many of them. */
import { formatList } from "../../../i18n/format";
import { t } from "../../../i18n/i18n.svelte";
import type { Change, NoticeItem, Person } from "../../../matrix/types";
import { inWords } from "../../../ui/names";

/** How much of a reason or a topic is told. */
const LONG = 200;
/** How long somebody who makes a room sets it up, ms. */
const SET_UP = 60_000;

/** What one notice says. */
export function noticeSentence({ sender, change }: NoticeItem): string {
  const name = inWords(sender.name);
  switch (change.type) {
    case "invited":
    case "kicked":
    case "banned":
    case "unbanned":
    case "declined":
    case "cancelled": {
      const values = { name, target: inWords(change.target.name), reason: inWords(change.reason, LONG) };
      return t(`room.change.${change.type}`, values) + (change.reason ? t("room.change.because", values) : "");
    }
    case "renamed":
      return t("room.change.renamed", { from: inWords(change.from), to: inWords(change.to) });
    case "roomName":
    case "topic":
    case "alias":
      return change.value ? t(`room.change.${change.type}`, { name, value: inWords(change.value, LONG) }) : t(`room.change.${change.type}Removed`, { name });
    case "joinRule":
      return t(`room.change.joinRules.${change.rule}`, { name });
    case "history":
      return t(`room.change.histories.${change.visibility}`, { name });
    case "other":
      return t("room.change.other", { name, event: inWords(change.event) });
    default:
      return t(`room.change.${change.type}`, { name });
  }
}

type Grouped = "joined" | "left" | "joinedLeft" | "invited" | "kicked" | "banned" | "unbanned" | "declined" | "cancelled" | "knocked" | "renamed" | "pictures";

const NAMED = 2;

/** What several notices say together. */
export function foldedSentence(items: readonly NoticeItem[]): string {
  const creation = items.find(({ change }) => change.type === "created");
  // Who makes a room is in it.
  const people = groupPeople(creation ? items.filter(({ sender, change }) => change.type !== "joined" || sender.id !== creation.sender.id) : items);
  // What a creator sets up in the first moment, before anybody else is there, is part of the creation.
  const setUp = creation ? settingUp(items, creation) : 0;
  const settings = items.filter((item, index) => index >= setUp && !isAboutPeople(item.change) && item !== creation);
  const parts = [...people].map(([group, list]) => groupSentence(group, list));
  if (creation) parts.unshift(noticeSentence(creation));
  if (settings.length === 1 && settings[0]) parts.push(noticeSentence(settings[0]));
  else if (settings.length > 1) parts.push(t("room.fold.settings", { count: settings.length }));
  const most = creation ? 4 : 3;
  return formatList(parts.length > most ? [...parts.slice(0, 2), t("room.fold.more", { count: parts.length - 2 })] : parts);
}

/** How many of the first items are the creator's alone. */
function settingUp(items: readonly NoticeItem[], creation: NoticeItem): number {
  const isAnothers = ({ sender, change }: NoticeItem) => isAboutPeople(change) && (change.type !== "joined" || sender.id !== creation.sender.id);
  const end = items.findIndex((item) => isAnothers(item) || item.at - creation.at > SET_UP);
  return end < 0 ? items.length : end;
}

function isAboutPeople(change: Change): boolean {
  return groupOf(change) !== null;
}

function groupOf(change: Change): Grouped | null {
  switch (change.type) {
    case "joined":
    case "left":
    case "knocked":
    case "renamed":
    case "invited":
    case "kicked":
    case "banned":
    case "unbanned":
    case "declined":
    case "cancelled":
      return change.type;
    case "avatarChanged":
    case "avatarRemoved":
      return "pictures";
    default:
      return null;
  }
}

function groupPeople(items: readonly NoticeItem[]): Map<Grouped, Person[]> {
  const groups = new Map<Grouped, Map<string, Person>>();
  for (const { sender, change } of items) {
    const group = groupOf(change);
    if (!group) continue;
    const person = "target" in change ? change.target : sender;
    const people = groups.get(group) ?? new Map<string, Person>();
    groups.set(group, people.set(person.id, person));
  }
  mergePassing(groups);
  return new Map([...groups].filter(([, people]) => people.size > 0).map(([group, people]) => [group, [...people.values()]]));
}

/** Who came and went is told once. */
function mergePassing(groups: Map<Grouped, Map<string, Person>>): void {
  const joined = groups.get("joined");
  const left = groups.get("left");
  if (!joined || !left) return;
  const passing = new Map([...joined].filter(([id]) => left.has(id)));
  for (const id of passing.keys()) {
    joined.delete(id);
    left.delete(id);
  }
  if (passing.size > 0) groups.set("joinedLeft", passing);
}

function groupSentence(group: Grouped, people: readonly Person[]): string {
  const named = people.slice(0, people.length <= NAMED + 1 ? NAMED + 1 : NAMED).map((person) => inWords(person.name));
  const more = people.length - named.length;
  const names = formatList(more > 0 ? [...named, t("room.fold.others", { count: more })] : named);
  return t(`room.fold.${group}`, { count: people.length, names });
}
