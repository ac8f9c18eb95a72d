/** What one does about friends, with the words that follow it. None of these rejects: what fails is told in a toast. */
import { go, paths } from "../../app/router.svelte";
import { t, type Key } from "../../i18n/i18n.svelte";
import type { Matrix, Person, Request, UserId } from "../../matrix/types";
import { sentence } from "../../ui/errors";
import { inWords } from "../../ui/names";
import { toast } from "../../ui/toasts.svelte";
import { serverOf } from "../people/ids";
import { goes } from "../rooms/hidden.svelte";

/** Asks somebody to be friends, or accepts what they asked. Says whether it worked. */
export async function addFriend(matrix: Matrix, person: Person, note = ""): Promise<boolean> {
  const accepts = matrix.friends.relation(person.id) === "received";
  try {
    const room = await matrix.friends.add(person.id, note);
    if (accepts) tellOfFriend(person, room.id);
    else toast(t("friends.add.asked", { name: inWords(person.name) }));
    return true;
  } catch (error) {
    toast(addTrouble(matrix, person, error), { kind: "error" });
    return false;
  }
}

/** Why somebody can't be asked. */
export function addTrouble(matrix: Matrix, person: Person, error: unknown): string {
  const { kind = "" } = (error ?? {}) as { kind?: string };
  if (isElsewhere(matrix, person.id) && kind !== "offline" && kind !== "limited") return t("friends.add.elsewhere", { server: serverOf(person.id) });
  return withName(person, error, { M_INVITE_BLOCKED: "friends.add.wantsNone", notFound: "friends.add.unknown" });
}

/** Whether somebody is on another server. */
export function isElsewhere(matrix: Matrix, id: UserId): boolean {
  return serverOf(id) !== serverOf(matrix.me.id);
}

export async function acceptRequest(matrix: Matrix, request: Request): Promise<void> {
  const { person } = request;
  try {
    const room = await matrix.friends.accept(request);
    tellOfFriend(person, room.id);
  } catch (error) {
    // They have taken it back meanwhile.
    toast(withName(person, error, { forbidden: "friends.received.gone", notFound: "friends.received.gone" }), { kind: "error" });
  }
}

export function declineRequest(matrix: Matrix, request: Request): void {
  goes(request.room, t("friends.received.declined", { name: inWords(request.person.name) }), () => matrix.friends.decline(request));
}

export function cancelRequest(matrix: Matrix, request: Request): void {
  const { person, room } = request;
  goes(room, t("friends.sent.cancelled", { name: inWords(person.name) }), async () => {
    try {
      await matrix.friends.cancel(request);
    } catch (error) {
      if (matrix.friends.relation(person.id) !== "friend") throw error;
      // They were quicker.
      tellOfFriend(person, room.id);
    }
  });
}

export async function askAgain(matrix: Matrix, request: Request): Promise<void> {
  const { person, room } = request;
  try {
    await matrix.friends.sendAgain(request);
    if (matrix.friends.relation(person.id) === "friend") tellOfFriend(person, room.id);
    else toast(t("friends.sent.asked", { name: inWords(person.name) }));
  } catch (error) {
    toast(addTrouble(matrix, person, error), { kind: "error" });
  }
}

export async function unblock(matrix: Matrix, person: Person): Promise<void> {
  try {
    await matrix.friends.unblock(person.id);
    toast(t("friends.blocked.unblocked", { name: inWords(person.name) }));
  } catch (error) {
    toast(sentence(error), { kind: "error" });
  }
}

function tellOfFriend(person: Person, room: string): void {
  toast(t("friends.received.accepted", { name: inWords(person.name) }), {
    action: { label: t("friends.message"), run: () => go(paths.room(room)) },
  });
}

/** A sentence for an error, with a name in it where it is one of `own`. */
function withName(person: Person, error: unknown, own: Partial<Record<string, Key>>): string {
  const { kind = "", errcode = "" } = (error ?? {}) as { kind?: string; errcode?: string };
  const better = own[errcode] ?? own[kind];
  return better ? t(better, { name: inWords(person.name), id: person.id }) : sentence(error);
}
