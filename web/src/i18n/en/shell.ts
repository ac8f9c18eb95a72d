export const shell = {
  pages: "Pages",
  rooms: "Chats",
  friends: "Friends",
  explore: "Explore",
  profile: "Profile",
  count: { one: "{count} new", other: "{count} new" },
  unread: "Unread messages",
  skip: "Skip to the page",
  panel: "Details",
  listWidth: "Width of the list",
  panelWidth: "Width of the details",
} as const;
