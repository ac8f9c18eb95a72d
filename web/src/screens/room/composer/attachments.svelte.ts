/** Files that are about to be sent. */
import { formatSize } from "../../../i18n/format";
import { t } from "../../../i18n/i18n.svelte";
import type { Media } from "../../../matrix/types";
import { toast } from "../../../ui/toasts.svelte";
import { inWords, oneLine } from "../../../ui/names";

export interface Attachment {
  readonly id: number;
  readonly file: File;
  /** Of pictures. */
  readonly url: string | null;
}

const MOST = 20;
const SHOWN = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
let lastId = 0;

export class Attachments {
  list = $state.raw<readonly Attachment[]>([]);

  constructor(private readonly media: Media) {}

  /** Takes what may be sent, and says what may not. */
  add(files: Iterable<File>): void {
    const most = this.media.maxUpload;
    const taken: Attachment[] = [];
    for (const file of files) {
      if (this.list.length + taken.length >= MOST) {
        toast(t("room.composer.tooMany", { count: MOST }), { kind: "error" });
        break;
      }
      if (most > 0 && file.size > most) toast(t("room.composer.tooLarge", { name: inWords(oneLine(file.name)), size: formatSize(most) }), { kind: "error" });
      else taken.push({ id: ++lastId, file, url: SHOWN.test(file.type) ? URL.createObjectURL(file) : null });
    }
    if (taken.length > 0) this.list = [...this.list, ...taken];
  }

  remove(one: Attachment): void {
    if (one.url) URL.revokeObjectURL(one.url);
    this.list = this.list.filter(({ id }) => id !== one.id);
  }

  /** All of them, to be sent. */
  take(): File[] {
    const files = this.list.map(({ file }) => file);
    this.clear();
    return files;
  }

  clear(): void {
    for (const { url } of this.list) if (url) URL.revokeObjectURL(url);
    this.list = [];
  }
}
