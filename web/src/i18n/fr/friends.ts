export const friends = {
  picker: {
    label: "Personnes",
    placeholder: "Nom ou identifiant",
    suggestions: "Suggestions",
    remove: "Retirer {name}",
    searching: "Recherche…",
    nobody: "Personne de ce nom. Essayez l’identifiant entier, comme @nom:serveur.",
    there: "Déjà là",
    you: "C’est vous",
  },
} as const;
