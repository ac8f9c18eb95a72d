/** Roles as one chooses them: the levels that have a name, and the one that somebody has. */

export const ROLES = [
  { role: "member", power: 0 },
  { role: "moderator", power: 50 },
  { role: "admin", power: 100 },
] as const;

export interface RoleChoice {
  readonly power: number;
  /** `null`: a level without a name. */
  readonly role: (typeof ROLES)[number]["role"] | null;
}

/** What somebody who has `current` can be given by who may give up to `most`, lowest first. */
export function roleChoices(current: number, most: number): RoleChoice[] {
  const named: RoleChoice[] = ROLES.filter(({ power }) => power <= most || power === current);
  const own = named.some(({ power }) => power === current) ? [] : [{ power: current, role: null }];
  return [...named, ...own].sort((a, b) => a.power - b.power);
}
