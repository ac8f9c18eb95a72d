export const friends = {
  picker: {
    label: "People",
    placeholder: "Name or ID",
    suggestions: "Suggestions",
    remove: "Remove {name}",
    searching: "Searching…",
    nobody: "Nobody found. Try their whole ID, such as @name:server.",
    there: "Already there",
    you: "That’s you",
  },
} as const;
