/** The dark modules of a QR code as one SVG path: a rectangle for each run in a line. */
export function qrPath(modules: readonly (readonly boolean[])[]): string {
  return modules.flatMap((line, y) => runs(line).map(([from, to]) => `M${from} ${y}h${to - from}v1h${from - to}z`)).join("");
}

function runs(line: readonly boolean[]): [number, number][] {
  const found: [number, number][] = [];
  for (let x = 0; x < line.length; x++) {
    if (!line[x]) continue;
    const from = x;
    while (line[x + 1]) x++;
    found.push([from, x + 1]);
  }
  return found;
}
