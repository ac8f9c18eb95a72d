export const errors = {
  offline: "The server can’t be reached. Check your connection.",
  limited: "That was a little too fast. Please wait a moment.",
  forbidden: "You may not do this here.",
  notFound: "This could not be found.",
  tooLarge: "This is too large for the server.",
  unknownToken: "Your session has ended. Please sign in again.",
  cancelled: "Cancelled.",
  other: "Something went wrong: {detail}",
} as const;
