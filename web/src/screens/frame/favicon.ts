/** A mark on the icon of the tab, and of the app where it is installed. */

export type Mark = "none" | "unread" | "attention";

const SIZE = 64;
const RADIUS = 15;
const COLOURS: Record<Exclude<Mark, "none">, string> = { unread: "#8d8497", attention: "#d92d20" };
const PLAIN = "/icon.svg";

let shown: Mark = "none";
let drawn: string | null = null;

/** Shows a mark; `count` is for the icon of an installed app. */
export async function markIcon(mark: Mark, count: number): Promise<void> {
  void (count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.())?.catch(() => undefined);
  if (mark === shown) return;
  shown = mark;
  const address = mark === "none" ? null : await draw(mark).catch(() => null);
  // Another mark was asked for meanwhile.
  if (mark !== shown) return;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  link.type = address ? "image/png" : "image/svg+xml";
  link.href = address ?? PLAIN;
  if (drawn) URL.revokeObjectURL(drawn);
  drawn = address;
}

async function draw(mark: Exclude<Mark, "none">): Promise<string> {
  const icon = new Image(SIZE, SIZE);
  icon.src = PLAIN;
  await icon.decode();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.drawImage(icon, 0, 0, SIZE, SIZE);
  const dot = (radius: number) => {
    context.beginPath();
    context.arc(SIZE - RADIUS, RADIUS, radius, 0, 2 * Math.PI);
    context.fill();
  };
  // A gap around the dot sets it off from the icon.
  context.globalCompositeOperation = "destination-out";
  dot(RADIUS + 4);
  context.globalCompositeOperation = "source-over";
  context.fillStyle = COLOURS[mark];
  dot(RADIUS);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("no picture");
  return URL.createObjectURL(blob);
}
