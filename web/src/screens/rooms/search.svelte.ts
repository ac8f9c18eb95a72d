/** What one finds as one types: rooms that one is in at once, then people and public rooms whom the server knows. */
import { pathOf, targetIn, type Target } from "../../app/links";
import { paths } from "../../app/router.svelte";
import { fit, folded } from "../../i18n/fold";
import type { Matrix, Person, PublicRoom, Room } from "../../matrix/types";
import { listedRooms } from "./listed";

const PAUSE_MS = 220;
/** The server is not asked for less than this. */
const SHORTEST = 2;
const MOST_ROOMS = 20;
const MOST_ELSEWHERE = 6;

export type Group = "target" | "known" | "people" | "public";

export type Result = { readonly key: string; readonly path: string } & (
  | { readonly group: "target"; readonly target: Target }
  | { readonly group: "known"; readonly room: Room }
  | { readonly group: "people"; readonly person: Person }
  | { readonly group: "public"; readonly room: PublicRoom }
);

interface Answer {
  readonly term: string;
  readonly people: readonly Person[];
  readonly rooms: readonly PublicRoom[];
  readonly failed: boolean;
}

const NOTHING: Answer = { term: "", people: [], rooms: [], failed: false };

export class Search {
  term = $state("");
  #answer = $state.raw<Answer>(NOTHING);

  readonly asked = $derived(this.term.trim());
  readonly #target = $derived(targetIn(this.asked));
  /** What the server is asked for: not for addresses, which are looked up where they lead. */
  readonly #wanted = $derived(this.#target || this.asked.length < SHORTEST ? "" : this.asked);
  /** By what each room is found; made anew only when one of those changes. */
  readonly #index = $derived.by(() => (this.asked ? indexOf(this.matrix) : []));
  readonly #known: readonly Room[] = $derived.by(() => fitting(this.#index, folded(this.asked)));
  readonly searching = $derived(this.#wanted !== "" && this.#answer.term !== this.#wanted);
  readonly failed = $derived(!this.searching && this.#wanted !== "" && this.#answer.failed);

  readonly results: readonly Result[] = $derived.by(() => {
    const target = this.#target;
    const known = this.#known.map((room): Result => ({ group: "known", key: room.id, path: paths.room(room.id), room }));
    if (target) return [{ group: "target", key: "target", path: pathOf(target), target }, ...known];
    const listed = new Set(this.#known.map((room) => room.id));
    const friends = new Set(this.#known.map((room) => room.friend?.id));
    const { people, rooms } = this.#answer;
    return [
      ...known,
      ...people.filter((person) => !friends.has(person.id)).map((person): Result => ({ group: "people", key: person.id, path: paths.user(person.id), person })),
      ...rooms.filter((room) => !listed.has(room.id)).map((room): Result => ({ group: "public", key: `public:${room.id}`, path: paths.room(room.alias ?? room.id), room })),
    ];
  });

  /** To be made while a component is: it searches for as long as that lives. */
  constructor(private readonly matrix: Matrix) {
    $effect(() => {
      const term = this.#wanted;
      if (!term) {
        this.#answer = NOTHING;
        return;
      }
      let over = false;
      const timer = setTimeout(async () => {
        const answer = await this.#ask(term);
        if (!over) this.#answer = answer;
      }, PAUSE_MS);
      return () => {
        over = true;
        clearTimeout(timer);
      };
    });
  }

  async #ask(term: string): Promise<Answer> {
    const [people, rooms] = await Promise.allSettled([this.matrix.people.search(term, MOST_ELSEWHERE), this.matrix.directory.search(term)]);
    return {
      term,
      people: people.status === "fulfilled" ? people.value : [],
      rooms: rooms.status === "fulfilled" ? rooms.value.rooms.slice(0, MOST_ELSEWHERE) : [],
      failed: people.status === "rejected" && rooms.status === "rejected",
    };
  }
}

interface Entry {
  readonly room: Room;
  readonly texts: readonly string[];
}

function indexOf(matrix: Matrix): readonly Entry[] {
  const { joined, invites, knocked } = listedRooms(matrix);
  return [...joined, ...invites, ...knocked].map((room) => ({
    room,
    texts: [room.name, room.friend?.name ?? "", room.alias ?? "", room.friend?.id ?? ""].filter(Boolean).map(folded),
  }));
}

/** Rooms whose name, address or person fits, the best first; where two fit as well, the one that was active last. */
function fitting(index: readonly Entry[], typed: string): readonly Room[] {
  return index
    .map(({ room, texts }) => ({ room, fits: fit(typed, texts) }))
    .filter(({ fits }) => fits > 0)
    .sort((a, b) => b.fits - a.fits)
    .slice(0, MOST_ROOMS)
    .map(({ room }) => room);
}
