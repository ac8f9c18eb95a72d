export const shell = {
  pages: "Pages",
  rooms: "Discussions",
  friends: "Amis",
  explore: "Explorer",
  profile: "Profil",
  count: { one: "{count} nouveauté", other: "{count} nouveautés" },
  unread: "Messages non lus",
  skip: "Aller à la page",
  panel: "Détails",
  listWidth: "Largeur de la liste",
  panelWidth: "Largeur des détails",
} as const;
