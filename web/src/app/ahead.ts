/**
 * The first questions of a new session, asked while what needs their answers is still loading: on a slow line that is seconds
 * sooner. `matrix/` takes them where it would ask the same.
 */
import { FIRST_SYNC } from "../matrix/first";

/** The answers by what was asked; null where there was none to use, so that it is asked again. */
export type Answers = ReadonlyMap<string, Promise<Response | null>>;

export interface Ahead {
  readonly accessToken: string;
  readonly answers: Answers;
}

const QUESTIONS = [FIRST_SYNC, "/_matrix/client/v3/pushrules/", "/_matrix/client/versions"];

export function askAhead(accessToken: string): Ahead {
  return { accessToken, answers: new Map(QUESTIONS.map((path) => [path, ask(path, accessToken)])) };
}

async function ask(path: string, token: string): Promise<Response | null> {
  try {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
    // Read at once: a browser takes no more of a body that nobody reads than fits its buffers.
    return answer.ok ? new Response(await answer.arrayBuffer(), answer) : null;
  } catch {
    return null;
  }
}
