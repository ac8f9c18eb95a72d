/** The SDK tells its life in the console: we let warnings pass, no more. */
import { logger as shared, type Logger } from "matrix-js-sdk/lib/logger";

const nothing = (): void => {};

/** For the client; it names its parts, which we don't. */
export const logger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: (...said) => console.warn(...said),
  error: (...said) => console.error(...said),
  getChild: () => logger,
};

/** Parts of the SDK don't ask the client for its logger. */
export function quiet(): void {
  Object.assign(shared, { trace: nothing, debug: nothing, info: nothing, log: nothing });
}
