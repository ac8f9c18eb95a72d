/** The levels between which one chooses for an action: those of the roles, and the one that it has. */
import { ROLES } from "../../person/roles";

/** None above one's own: one could not take it back. */
export function levelChoices(current: number, mine: number): number[] {
  const levels = ROLES.map(({ power }) => power as number).filter((power) => power <= mine);
  return [...new Set([...levels, current])].sort((a, b) => a - b);
}
