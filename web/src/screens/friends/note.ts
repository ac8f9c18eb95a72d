/** How much of the note of a request is shown; other clients let one write more. */
export const LONGEST_NOTE = 500;
